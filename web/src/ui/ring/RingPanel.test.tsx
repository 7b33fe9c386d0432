// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test } from 'vitest'
import { createFakeTabStore } from '../testing/fake-tab-store.ts'
import { renderPage } from '../testing/render-page.tsx'
import { peerId, readyPool, sampleSeat } from '../testing/sample-pool.ts'

afterEach(cleanup)

const plain = (element: Element): string => (element.textContent ?? '').replaceAll('\u202f', ' ')
const figures = { tokens: 5, tokensPerSecond: 41, timeToFirstTokenMs: 182, directHops: 10, finishReason: 'stop' }
const twoSeats = [sampleSeat(0, [0, 3], { linkRttMs: 40 }), sampleSeat(1, [3, 6], { linkRttMs: 40 })]
const hops = [4, 5].map((computeMs, seat) => ({ seat, computeMs, queueMs: 1 }))
const rings = [
  {
    id: 'first',
    status: 'ready' as const,
    seats: twoSeats,
    standbys: [{ peer: peerId(7), seat: 1, layers: { start: 3, end: 6 }, isReady: true }],
    plannedLapMs: 20,
    expectedLapMs: 22,
  },
  {
    id: 'second',
    status: 'ready' as const,
    seats: [sampleSeat(0, [0, 6], { peer: peerId(5) })],
    standbys: [],
    plannedLapMs: 31,
    expectedLapMs: null,
  },
]

function show(pool = readyPool(), address = '/chat') {
  const services = renderPage(address, { tab: createFakeTabStore({ peer: peerId(7) }) })
  act(() => services.setPool({ pool }))
  return services
}

test('the lap is told in shares, and who holds it up in words', () => {
  show()
  expect(plain(screen.getByTestId('lap-shares'))).toContain(
    'Compute 18.0 ms (90 %), waiting 0.00 ms (0 %), wire 2.00 ms (10 %).',
  )
  expect(plain(screen.getByTestId('bottleneck'))).toBe('Seat 1 takes 50 % of the lap.')
})

test('figures are medians of the laps seen: a stalled one does not name another seat', () => {
  const services = show()
  for (let laps = 8; laps < 11; laps++) {
    const lapMs = 20 + laps / 100
    const usual = {
      requestId: 'r',
      lapMs,
      hops: [4, 10, 4].map((computeMs, seat) => ({ seat, computeMs, queueMs: 0 })),
      wireMs: 2,
    }
    act(() => services.setPool({ pool: readyPool({ lastLap: usual, laps }) }))
  }
  const stalled = {
    requestId: 'r',
    lapMs: 900,
    hops: [800, 10, 4].map((computeMs, seat) => ({ seat, computeMs, queueMs: 0 })),
    wireMs: 2,
  }
  act(() => services.setPool({ pool: readyPool({ lastLap: stalled, laps: 11 }) }))
  expect(plain(screen.getByTestId('bottleneck'))).toBe('Seat 1 takes 50 % of the lap.')
  expect(plain(screen.getByTestId('lap-shares'))).toContain('median of the last 5')
})

test('a slow link is marked by strokes across its gap, and named for whoever reads', () => {
  show(readyPool({ seats: twoSeats, lastLap: { requestId: 'r', lapMs: 80, hops, wireMs: 69 } }))
  // Both links are as far: neither stands out.
  expect(screen.queryByTestId('slow-link')).toBeNull()
  cleanup()
  const seats = [twoSeats[0]!, { ...twoSeats[1]!, linkRttMs: 2 }]
  show(readyPool({ seats, lastLap: { requestId: 'r', lapMs: 80, hops, wireMs: 69 } }))
  expect(screen.getByTestId('slow-link').getAttribute('d')).toMatch(/^M .+ L .+ M .+ L /)
  expect(plain(screen.getByTestId('bottleneck'))).toContain('The link from seat 0 to seat 1 takes')
  expect(screen.getByTestId('arc-seat-0').getAttribute('aria-label')).toContain('slowest link')
  fireEvent.click(screen.getByRole('button', { name: 'Table' }))
  const table = screen.getByRole('table')
  expect(plain(within(table).getAllByRole('row')[1]!)).toContain('slowest link')
  expect(plain(table.querySelector('caption')!)).toContain('The link from seat 0 to seat 1 takes')
})

test('several rings are counted, with who stands by, and the one that served the last answer', async () => {
  const { stream } = show(readyPool({ seats: twoSeats, rings }))
  const list = screen.getByTestId('rings')
  expect(plain(list)).toContain('2 rings serve this model.')
  expect(plain(list)).toContain('Ring 1 2 peers, ready, 22.0 ms a lap expecteddrawn above')
  expect(plain(list)).toContain('Ring 2 1 peer, ready, 31.0 ms a lap expected')
  expect(plain(screen.getByRole('list', { name: 'Standing by for ring 1' }))).toBe(
    'This tab stands by for seat 1, layers 3–5',
  )
  expect(plain(list)).not.toContain('served your last answer')
  const composer = screen.getByTestId('composer')
  fireEvent.change(composer, { target: { value: 'Hello' } })
  fireEvent.keyDown(composer, { key: 'Enter' })
  await act(() => stream.push({ type: 'finished', figures: { ...figures, route: [peerId(5)] } }))
  await act(() => stream.end())
  expect(plain(list)).toMatch(/Ring 2.*served your last answer/)
  const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  expect(violations.map(({ id }) => id)).toEqual([])
})

test('one ring with nobody standing by needs no list; a ring that is gone is said', async () => {
  const services = show(readyPool({ seats: twoSeats, rings: [{ ...rings[0]!, standbys: [] }] }))
  expect(screen.queryByTestId('rings')).toBeNull()
  const composer = screen.getByTestId('composer')
  fireEvent.change(composer, { target: { value: 'Hello' } })
  fireEvent.keyDown(composer, { key: 'Enter' })
  await act(() => services.stream.push({ type: 'finished', figures: { ...figures, route: [peerId(5)] } }))
  await act(() => services.stream.end())
  expect(plain(screen.getByTestId('rings'))).toContain(
    '1 ring serves this model. The ring that served your last answer is not here',
  )
})

test('a seat whose work nobody can judge is called so, in the table and when its arc is chosen', () => {
  show(readyPool({ seats: [sampleSeat(0, [0, 3]), sampleSeat(1, [3, 6], { isJudged: false })] }))
  const [judged, unjudged] = within(screen.getByRole('table')).getAllByRole('row').slice(1)
  expect(plain(unjudged!)).toContain('not judged')
  expect(plain(judged!)).not.toContain('not judged')
  fireEvent.focus(screen.getByTestId('arc-seat-1'))
  expect(plain(screen.getByTestId('seat-trust'))).toContain('Its work is not judged')
  fireEvent.focus(screen.getByTestId('arc-seat-0'))
  expect(plain(screen.getByTestId('seat-trust'))).not.toContain('not judged')
})
