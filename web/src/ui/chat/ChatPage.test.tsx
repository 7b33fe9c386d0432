// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { renderPage } from '../testing/render-page.tsx'
import { readyPool, samplePool, sampleSeat } from '../testing/sample-pool.ts'

afterEach(cleanup)

const figures = { tokens: 5, tokensPerSecond: 41.7, timeToFirstTokenMs: 182, directHops: 10, finishReason: 'stop' }
const plain = (element: HTMLElement) => (element.textContent ?? '').replaceAll('\u202f', ' ')

function open() {
  const services = renderPage('/chat')
  act(() => services.setPool({ pool: readyPool() }))
  return services
}

async function ask(text: string) {
  fireEvent.change(screen.getByTestId('composer'), { target: { value: text } })
  fireEvent.keyDown(screen.getByTestId('composer'), { key: 'Enter' })
}

test('Enter sends; Shift+Enter and an Enter that ends a composition do not', async () => {
  const { stream } = open()
  const composer = screen.getByTestId('composer')
  fireEvent.change(composer, { target: { value: 'Hello' } })
  fireEvent.keyDown(composer, { key: 'Enter', shiftKey: true })
  fireEvent.keyDown(composer, { key: 'Enter', isComposing: true })
  expect(stream.requests).toHaveLength(0)
  fireEvent.keyDown(composer, { key: 'Enter' })
  expect(stream.requests[0]?.messages).toEqual([{ role: 'user', content: 'Hello' }])
  expect(stream.requests[0]?.model).toBe('computepool-demo')
})

test('the answer streams, then shows what was measured', async () => {
  const { stream } = open()
  await ask('Hello')
  await act(() => stream.push({ type: 'text', text: 'Good **day**.' }))
  expect(screen.getByTestId('answer').dataset.status).toBe('streaming')
  expect(screen.getByText('day').tagName).toBe('STRONG')
  await act(() => stream.push({ type: 'finished', figures }))
  await act(() => stream.end())
  expect(screen.getByTestId('answer').dataset.status).toBe('done')
  expect(plain(screen.getByTestId('answer-figures'))).toBe(
    '5 tokens · 41.7 tokens/s · first after 182 ms · 10 direct hops',
  )
})

test.each([
  ['cap', 'the session’s cap is spent'],
  ['closed', 'the session was closed'],
])('a paid answer tells its cost, and that its money ended it: %s', async (stoppedBy, words) => {
  const { stream } = open()
  await ask('Hello')
  await act(() => stream.push({ type: 'text', text: 'Good' }))
  const paid = { ...figures, finishReason: 'length', stoppedBy, costAtomic: '1234' }
  await act(() => stream.push({ type: 'finished', figures: paid }))
  await act(() => stream.end())
  expect(plain(screen.getByTestId('answer-figures'))).toBe(
    `5 tokens · 41.7 tokens/s · first after 182 ms · 10 direct hops · 0.001234 USDC · stopped: ${words}`,
  )
})

test('an answer says that it outlived an attempt, and what of the prompt was kept', async () => {
  const { stream } = open()
  await ask('Hello')
  await act(() => stream.push({ type: 'finished', figures: { ...figures, moves: 1, cachedTokens: 1204 } }))
  await act(() => stream.end())
  expect(plain(screen.getByTestId('answer-figures'))).toBe(
    '5 tokens · 41.7 tokens/s · first after 182 ms · 10 direct hops · 1,204 prompt tokens kept from before · went on after an interruption',
  )
})

test('only trusted ends goes with each message while it is on, and says what it means in this pool', async () => {
  const { stream, setPool } = open()
  expect(plain(screen.getByTestId('trusted-words'))).toBe('Entry and exit see the text, whoever they are.')
  fireEvent.click(screen.getByTestId('trusted-ends'))
  expect(plain(screen.getByTestId('trusted-words'))).toContain('This pool is unstaked')
  act(() => setPool({ pool: readyPool({ stake: { mode: 'staked', amountAtomic: '1' } }) }))
  expect(plain(screen.getByTestId('trusted-words'))).toContain('staked and of good standing, or')
  await ask('Hello')
  await act(() => stream.end())
  fireEvent.click(screen.getByTestId('trusted-ends'))
  await ask('Again')
  expect(stream.requests.map(({ computepool }) => computepool)).toEqual([{ trusted: true }, undefined])
})

test('stop stops the request and keeps the text', async () => {
  const { stream } = open()
  await ask('Hello')
  await act(() => stream.push({ type: 'text', text: 'Half' }))
  fireEvent.click(screen.getByTestId('stop'))
  expect(stream.aborted).toEqual([true])
  expect(screen.getByTestId('answer').dataset.status).toBe('stopped')
  expect(screen.getByTestId('answer').textContent).toContain('Half')
  expect(screen.getByTestId('send')).toBeTruthy()
})

test('missing layers are named, with the way to bring them', async () => {
  const services = renderPage('/chat')
  const seats = [sampleSeat(0, [0, 1]), sampleSeat(1, [1, 2], { status: 'lost' }), sampleSeat(2, [2, 4])]
  act(() => services.setPool({ pool: samplePool({ seats, explanation: 'Open one more tab.' }) }))
  const notice = screen.getByTestId('layers-missing')
  expect(notice.textContent).toContain('Layers 1 and 4–5 are missing. Open one more tab.')
  expect(notice.querySelector('a')?.getAttribute('href')).toBe('/operate')
})

test('a refusal is shown where the answer would be', async () => {
  const { stream } = open()
  await ask('Hello')
  const error = { code: 'swarm_layers_missing', message: 'Layers 4–5 are missing.', retryAfterSeconds: 5 }
  await act(() => stream.push({ type: 'failed', error }))
  await act(() => stream.end())
  expect(screen.getByTestId('answer-error').dataset.code).toBe('swarm_layers_missing')
  expect(screen.getByTestId('answer-error').textContent).toContain('Try again in 5 s.')
})

test('where no ring has trusted ends, the way out is the switch, not more layers', async () => {
  const { stream } = open()
  await ask('Hello')
  const error = { code: 'swarm_trust_missing', message: 'No ring here has trusted ends.', retryAfterSeconds: 60 }
  await act(() => stream.push({ type: 'failed', error }))
  await act(() => stream.end())
  expect(plain(screen.getByTestId('answer-error'))).toContain('Try again in 60 s. Or switch off “Only trusted ends”')
  expect(screen.getByTestId('answer-error').querySelector('a')).toBeNull()
})

test('a question is edited and sent again', async () => {
  const { stream } = open()
  await ask('Helo')
  await act(() => stream.end())
  fireEvent.click(screen.getByTestId('edit'))
  fireEvent.change(screen.getByLabelText('Edit your message'), { target: { value: 'Hello' } })
  fireEvent.click(screen.getByRole('button', { name: 'Send again' }))
  expect(stream.requests[1]?.messages).toEqual([{ role: 'user', content: 'Hello' }])
  expect(screen.getByTestId('question').textContent).toContain('Hello')
})

test('conversations are listed, renamed, and deleted only when asked twice', async () => {
  const { stream } = open()
  await ask('Hello')
  await act(() => stream.end())
  fireEvent.click(screen.getByRole('button', { name: 'Rename Hello' }))
  fireEvent.change(screen.getByLabelText('Name of the conversation'), { target: { value: 'Greetings' } })
  fireEvent.click(screen.getByRole('button', { name: 'Save' }))
  fireEvent.click(screen.getByRole('button', { name: 'Delete Greetings' }))
  expect(screen.getByRole('heading', { level: 2 }).textContent).toBe('Greetings')
  fireEvent.click(screen.getByRole('button', { name: 'Delete for good' }))
  await waitFor(() => expect(screen.queryByTestId('question')).toBeNull())
})

test('finished sentences are read out, unfinished ones are not', async () => {
  const { stream } = open()
  await ask('Hello')
  await act(() => stream.push({ type: 'text', text: 'It is a ring. It has thr' }))
  const live = document.querySelector('[aria-live=polite][aria-atomic=false]')
  expect(live?.textContent).toBe('It is a ring.')
})
