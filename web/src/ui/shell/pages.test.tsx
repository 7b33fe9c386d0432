// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test, vi } from 'vitest'
import { createFakeTabStore } from '../testing/fake-tab-store.ts'
import { renderPage } from '../testing/render-page.tsx'
import { peerId, readyPool, samplePool } from '../testing/sample-pool.ts'

afterEach(cleanup)

/** What axe finds, by rule. Colours need a browser that paints: a picture-taking test looks at those. */
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

test.each(['/', '/operate', '/chat', '/docs', '/trust', '/disputes', '/token', '/activity', '/nowhere'])(
  'axe finds nothing on %s, with and without a ring',
  async address => {
    const services = renderPage(address)
    expect(await violations()).toEqual([])
    await act(async () => services.setPool({ pool: readyPool() }))
    expect(await violations()).toEqual([])
  },
)

test('axe finds nothing while downloading, serving, or after an error', async () => {
  const parts = [{ name: 'layer 0', doneBytes: 1, totalBytes: 2, status: 'downloading', isCached: false }] as const
  const links = [{ peer: peerId(2), isOpen: true, kind: 'webrtc', rttMs: 1, bytesPerSecond: null }] as const
  const error = { code: 'engine_device_lost', message: 'The device was lost.', remedy: '', context: {} } as const
  const tab = createFakeTabStore({ status: 'downloading', parts, weightsBytes: 1 })
  renderPage('/operate', { tab })
  expect(await violations()).toEqual([])
  await act(async () => tab.become({ status: 'serving', links }))
  expect(await violations()).toEqual([])
  await act(async () => tab.become({ status: 'failed', error }))
  expect(await violations()).toEqual([])
})

test('a fault in one page leaves the way to the others', () => {
  const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
  const services = renderPage('/operate')
  act(() => services.tab.become({ status: 'serving', links: [null as never] }))
  expect(screen.getByRole('alert').textContent).toContain('goes on serving')
  fireEvent.click(screen.getByRole('link', { name: 'API' }))
  expect(screen.getByRole('heading', { level: 1 }).textContent).toContain('OpenAI')
  quiet.mockRestore()
})

test('links move between pages without a reload, and the title follows', () => {
  renderPage('/')
  fireEvent.click(screen.getByRole('link', { name: 'Operate' }))
  expect(window.location.pathname).toBe('/operate')
  expect(document.title).toBe('Operate · ComputePool')
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Operate')
  expect(screen.getByRole('link', { name: 'Operate' }).getAttribute('aria-current')).toBe('page')
})

test('home says whether the ring answers', () => {
  const services = renderPage('/')
  act(() => services.setPool({ pool: samplePool() }))
  expect(screen.getByText(/Layers are missing/)).toBeTruthy()
  act(() => services.setPool({ pool: readyPool() }))
  expect(screen.getByText(/it answers now/)).toBeTruthy()
})

test('the API page shows this origin, the models, and every error of the table', async () => {
  renderPage('/docs')
  expect(screen.getByTestId('base-url').textContent).toBe(`${window.location.origin}/v1`)
  expect((await screen.findByText('computepool-demo', { selector: 'li code' })).textContent).toBe('computepool-demo')
  for (const code of ['context_length_exceeded', 'swarm_layers_missing', 'engine_self_test_failed']) {
    expect(screen.getByText(code, { selector: 'th code' })).toBeTruthy()
  }
})

test('away from its page a joined tab says what it does', () => {
  renderPage('/docs', { tab: createFakeTabStore({ status: 'serving', layers: { start: 0, end: 6 }, modelLayers: 6 }) })
  expect(screen.getByText(/You hold all 6 layers/)).toBeTruthy()
})
