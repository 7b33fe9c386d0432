// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test, vi } from 'vitest'
import { renderPage } from '../testing/render-page.tsx'
import { readyPool } from '../testing/sample-pool.ts'
import { fetchTrace, type TraceAnswer } from './fetch-trace.ts'

afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

async function answered(fetchTrace: (requestId: string) => Promise<TraceAnswer>, isTaken = true) {
  const services = renderPage('/chat', { fetchTrace })
  act(() => services.setPool({ pool: readyPool() }))
  const composer = screen.getByTestId('composer')
  fireEvent.change(composer, { target: { value: 'Hello' } })
  fireEvent.keyDown(composer, { key: 'Enter' })
  if (isTaken) await act(() => services.stream.push({ type: 'taken', requestId: 'abc123' }))
  await act(() => services.stream.push({ type: 'text', text: 'Good day.' }))
  return services
}

/** What was handed to the browser as a download: name and text. */
function watchDownloads(): { name: string; blob: Blob }[] {
  const saved: { name: string; blob: Blob }[] = []
  const blobs = new Map<string, Blob>()
  vi.spyOn(URL, 'createObjectURL').mockImplementation(blob => {
    const url = `blob:${blobs.size}`
    blobs.set(url, blob as Blob)
    return url
  })
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    saved.push({ name: this.download, blob: blobs.get(this.href)! })
  })
  return saved
}

test('a finished answer’s trace is saved as a file, by keyboard too', async () => {
  const asked: string[] = []
  const file = { name: 'computepool-abc123.trace.json', type: 'application/json', text: '{"traceEvents":[]}' }
  const saved = watchDownloads()
  const { stream } = await answered(async id => {
    asked.push(id)
    return { kind: 'found', file }
  })
  await act(() => stream.end())
  const button = screen.getByRole('button', { name: 'Download trace' })
  button.focus()
  await act(async () => fireEvent.click(document.activeElement!))
  expect(asked).toEqual(['abc123'])
  expect(saved.map(({ name }) => name)).toEqual([file.name])
  expect(await saved[0]!.blob.text()).toBe(file.text)
  expect(document.activeElement).toBe(button)
  expect(screen.getByText(/ui\.perfetto\.dev/).getAttribute('role')).toBe('status')
})

test('a stopped answer has its trace as well; one that was never taken has none', async () => {
  await answered(async () => ({ kind: 'refused', words: '' }))
  fireEvent.click(screen.getByTestId('stop'))
  expect(screen.getByTestId('download-trace')).toBeTruthy()
  cleanup()
  const { stream } = await answered(async () => ({ kind: 'refused', words: '' }), false)
  await act(() => stream.end())
  expect(screen.queryByTestId('download-trace')).toBeNull()
})

test('a trace that is gone is told in words beside the button', async () => {
  const { stream } = await answered(async () => ({ kind: 'refused', words: 'The trace is gone.' }))
  await act(() => stream.end())
  await act(async () => fireEvent.click(screen.getByTestId('download-trace')))
  expect(screen.getByText('The trace is gone.')).toBeTruthy()
  const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  expect(violations.map(({ id }) => id)).toEqual([])
})

test.each([
  [404, /another session paid/],
  [503, /answered 503/],
])('a status of %i is told in words', async (status, words) => {
  const answer = await fetchTrace('a/b', (async (url: string) => {
    expect(url).toBe('/api/requests/a%2Fb/trace')
    return new Response('{}', { status })
  }) as typeof fetch)
  expect(answer).toEqual({ kind: 'refused', words: expect.stringMatching(words) })
})
