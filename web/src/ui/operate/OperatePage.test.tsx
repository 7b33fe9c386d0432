// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { capableMachine } from '../testing/fake-services.ts'
import { createFakeTabStore } from '../testing/fake-tab-store.ts'
import { renderPage } from '../testing/render-page.tsx'
import { peerId, readyPool, samplePool, sampleSeat } from '../testing/sample-pool.ts'

afterEach(cleanup)

const plain = (element: HTMLElement) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const held = { peer: peerId(1), model: 'computepool-demo', modelLayers: 6, layers: { start: 0, end: 4 }, seat: 0 }

test('the machine is judged in words, and one button joins with the default offer', async () => {
  const { tab } = renderPage('/operate')
  expect(plain(await screen.findByText(/to offer/, { selector: '.verdict' }))).toContain('WebGPU on Test Card')
  fireEvent.click(screen.getByTestId('join'))
  expect(tab.calls).toEqual(['join {"memoryBudgetBytes":4000000000,"engine":null,"mostStakeAtomic":"0"}'])
})

test('the offer and the engine are the operator’s to choose', async () => {
  const { tab } = renderPage('/operate')
  fireEvent.change(await screen.findByTestId('memory'), { target: { value: '1000000000' } })
  fireEvent.click(screen.getByLabelText(/^WASM/))
  fireEvent.click(screen.getByTestId('join'))
  expect(tab.calls).toEqual(['join {"memoryBudgetBytes":1000000000,"engine":"wasm","mostStakeAtomic":"0"}'])
})

test('the offer is told in layers once the model is known', async () => {
  const services = renderPage('/operate')
  act(() => services.setPool({ pool: samplePool() }))
  expect(await screen.findByText(/Room for all 1 layers of computepool-demo/)).toBeTruthy()
})

test('a machine that cannot join gets no button but the remedy', async () => {
  renderPage('/operate', { machine: { ...capableMachine, hasWebRtc: false } })
  expect(await screen.findByText(/allow it for this page/)).toBeTruthy()
  expect(screen.queryByTestId('join')).toBeNull()
})

test('an address with join=1 joins by itself, once', async () => {
  const { tab } = renderPage('/operate?join=1&engine=wasm&memory=64MB')
  await screen.findByTestId('memory')
  expect(tab.calls).toEqual(['join {"memoryBudgetBytes":64000000,"engine":"wasm"}'])
  act(() => tab.become({ status: 'serving' }))
  act(() => tab.become({ status: 'idle' }))
  fireEvent.click(screen.getByRole('button', { name: 'Check again' }))
  await screen.findByTestId('memory')
  expect(tab.calls).toHaveLength(1)
})

test('an address that cannot be read says so and joins nothing', async () => {
  const { tab } = renderPage('/operate?join=1&engine=steam')
  await screen.findByTestId('memory')
  expect(screen.getByRole('alert').textContent).toContain('engine=steam')
  expect(tab.calls).toEqual([])
})

test('a download shows bytes, speed and time left, and pauses', () => {
  const parts = [
    { name: 'layer 0', doneBytes: 2e6, totalBytes: 2e6, status: 'stored', isCached: true },
    { name: 'layer 1', doneBytes: 1e6, totalBytes: 2e6, status: 'downloading', isCached: false },
  ] as const
  const tab = createFakeTabStore({ ...held, status: 'downloading', parts, downloadBytesPerSecond: 500_000 })
  renderPage('/operate', { tab })
  const text = plain(screen.getByTestId('download'))
  expect(text).toContain('3.00 MB of 4.00 MB')
  expect(text).toContain('500 kB/s')
  expect(text).toContain('2 s')
  fireEvent.click(screen.getByTestId('pause'))
  act(() => tab.become({ status: 'paused' }))
  fireEvent.click(screen.getByTestId('resume'))
  expect(tab.calls).toEqual(['pauseDownload', 'resumeDownload'])
})

test('serving shows the layers held, the work and where a step’s time goes; leaving leaves', () => {
  const links = [{ peer: peerId(2), isOpen: true, kind: 'webrtc', rttMs: 0.84, bytesPerSecond: null }] as const
  const figures = {
    tokensServed: 12_408,
    tokensPerSecond: 38.24,
    computeMs: 9,
    hopMs: 1,
    weightsBytes: 4e6,
    kvBytes: 1e6,
  }
  const tab = createFakeTabStore({ ...held, ...figures, status: 'serving', links, memoryBudgetBytes: 1e9 })
  renderPage('/operate', { tab })
  expect(screen.getByTestId('status-words').textContent).toBe('You hold layers 0–3 of 6.')
  expect(plain(screen.getByTestId('live-figures'))).toContain('12,408')
  expect(plain(screen.getByTestId('live-figures'))).toContain('38.2')
  expect(plain(screen.getByTestId('step-split'))).toContain('Compute 9.00 ms (90 %), hop 1.00 ms.')
  expect(plain(screen.getByTestId('memory-use'))).toContain('5.00 MB of 1.00 GB')
  expect(plain(screen.getByRole('region', { name: 'Links' }))).toContain('0.84 ms')
  fireEvent.click(screen.getByTestId('leave'))
  expect(tab.calls).toEqual(['leave'])
})

test('an operator may finish the answers under way first, sees how many are left, and may stop at once all the same', () => {
  const tab = createFakeTabStore({ ...held, status: 'serving', requests: 2 })
  renderPage('/operate', { tab })
  const finish = screen.getByRole('button', { name: 'Finish answers, then stop' })
  finish.focus()
  fireEvent.click(finish)
  act(() => tab.become({ isDraining: true }))
  const words = () => screen.getByTestId('status-words').textContent
  expect(screen.getByTestId('status-name').textContent).toBe('Finishing')
  expect(words()).toBe(
    '2 answers are still under way. This tab takes no new ones, and stops when they are finished, or 10 minutes after you asked.',
  )
  act(() => tab.become({ requests: 1 }))
  expect(words()).toMatch(/^1 answer is still under way\./)
  // By keyboard one is still there, and a second press asks nothing twice and stops nothing.
  expect(document.activeElement?.textContent).toBe('Finishing answers')
  fireEvent.click(document.activeElement!)
  expect(tab.calls).toEqual(['drain 600000'])
  act(() => tab.become({ requests: 0 }))
  expect(words()).toMatch(/^This tab takes no new answers/)
  fireEvent.click(screen.getByRole('button', { name: 'Stop now' }))
  expect(tab.calls).toEqual(['drain 600000', 'leave'])
})

test('where no answer can be under way there is only one way to stop', () => {
  const tab = createFakeTabStore({ ...held, status: 'standing-by' })
  renderPage('/operate', { tab })
  expect(screen.queryByTestId('drain')).toBeNull()
  act(() => tab.become({ status: 'linking' }))
  expect([screen.queryByTestId('drain'), screen.getByTestId('leave').textContent]).toEqual([null, 'Stop now'])
})

test('a typed error comes with its code and a remedy, and joining again is offered', async () => {
  const error = {
    code: 'engine_self_test_failed',
    message: 'Layers 0–2 differ by 0.41.',
    remedy: '',
    context: {},
  } as const
  renderPage('/operate', { tab: createFakeTabStore({ status: 'failed', error }) })
  const panel = screen.getByTestId('error')
  expect(panel.dataset.code).toBe('engine_self_test_failed')
  expect(panel.textContent).toContain('Layers 0–2 differ by 0.41.')
  expect(panel.textContent).toContain('Choose the other engine')
  expect((await screen.findByTestId('join')).textContent).toBe('Join again')
})

test('an operator reads why it holds what it holds, and what it stands by for', () => {
  const services = renderPage('/operate', { tab: createFakeTabStore({ ...held, status: 'serving' }) })
  const reason = 'Four layers: your memory would hold five, but a step would take longer.'
  const seats = [{ ...sampleSeat(0, [0, 4]), reason }, sampleSeat(1, [4, 6])]
  const ring = { id: 'a', status: 'ready' as const, seats, standbys: [], plannedLapMs: 9, expectedLapMs: null }
  act(() => services.setPool({ pool: readyPool({ seats, rings: [ring] }) }))
  expect(screen.getByTestId('place-words').textContent).toBe(reason)
  const standbys = [{ peer: peerId(1), seat: 1, layers: { start: 4, end: 6 }, isReady: false }]
  const others = [sampleSeat(0, [0, 4], { peer: peerId(3) }), sampleSeat(1, [4, 6], { peer: peerId(4) })]
  act(() => services.setPool({ pool: readyPool({ seats: others, rings: [{ ...ring, seats: others, standbys }] }) }))
  expect(screen.getByTestId('place-words').textContent).toBe(
    'Standing by for layers 4–5: should seat 1 fall vacant, this tab takes it over. They are loading.',
  )
  act(() => services.setPool({ pool: readyPool({ seats: others }) }))
  expect(screen.queryByTestId('place-words')).toBeNull()
})

test('the root element tells a script the state, the seat and the layers', () => {
  const tab = createFakeTabStore({ ...held, status: 'linking' })
  renderPage('/operate', { tab })
  const { dataset } = document.documentElement
  expect([dataset.status, dataset.seat, dataset.layers, dataset.peer]).toEqual(['linking', '0', '0-4', peerId(1)])
  act(() => tab.become({ status: 'idle', seat: null, layers: null, peer: null }))
  expect([dataset.status, dataset.seat, dataset.layers]).toEqual(['idle', undefined, undefined])
})

test('the ring names the arc that is looked at, and is a table on demand', () => {
  const services = renderPage('/operate', { tab: createFakeTabStore({ ...held, status: 'serving' }) })
  act(() => services.setPool({ pool: readyPool() }))
  const arc = screen.getByTestId('arc-seat-1')
  expect(arc.getAttribute('aria-label')).toContain('Layers 2–4: seat 1, engine wasm, ready')
  expect(arc.getAttribute('aria-label')).toContain('slowest seat')
  fireEvent.focus(arc)
  expect(screen.getByTestId('ring-detail').textContent).toContain('0x2222·2222')
  fireEvent.click(screen.getByRole('button', { name: 'Table' }))
  const rows = within(screen.getByRole('table')).getAllByRole('row').map(plain)
  expect(rows[1]).toContain('0x1111·1111 (this tab)')
  expect(rows[2]).toContain('50 %')
})
