// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { createFakeTabStore } from '../testing/fake-tab-store.ts'
import { renderPage } from '../testing/render-page.tsx'
import { peerId, readyPool, sampleSeat } from '../testing/sample-pool.ts'

afterEach(cleanup)

const plain = (element: Element): string => (element.textContent ?? '').replaceAll('\u202f', ' ')
const mixed = readyPool({
  seats: [
    sampleSeat(0, [0, 2], { linkKind: 'webrtc', linkRttMs: 0.5, linkBytesPerSecond: 2e7 }),
    sampleSeat(1, [2, 5], { linkKind: 'axl', linkRttMs: 6, linkBytesPerSecond: null, engine: 'native' }),
    sampleSeat(2, [5, 6], { linkKind: 'relay', linkRttMs: 41, linkBytesPerSecond: 1e6, engine: 'native' }),
  ],
  relays: [
    {
      peer: peerId(8),
      members: [
        { peer: peerId(1), forwardedBytes: 12_400_000, refusedBytes: 310 },
        { peer: peerId(3), forwardedBytes: null, refusedBytes: null },
      ],
    },
    { peer: peerId(9), members: [] },
  ],
})

function show(pool = mixed): void {
  const services = renderPage('/operate', { tab: createFakeTabStore({ peer: peerId(1) }) })
  act(() => services.setPool({ pool }))
}

test('a ring of several kinds of links says at each hop which, and what the marks mean', () => {
  show()
  const drawing = screen.getByRole('group', { name: 'Ring of 6 layers' })
  expect([...drawing.querySelectorAll('.ring-hop')].map(plain)).toEqual([
    '↻ 0.50 msWebRTC',
    '↻ 6.00 msAXL',
    '↻ 41.0 msrelay',
  ])
  const marks = [...drawing.querySelectorAll('.ring-links .link-mark')]
  expect(marks.map(mark => mark.getAttribute('class'))).toEqual(
    ['webrtc', 'axl', 'relay'].map(kind => `link-mark is-${kind}`),
  )
  // Told apart by shape, not by colour.
  expect(new Set(marks.map(mark => mark.getAttribute('d'))).size).toBe(3)
  const legend = within(screen.getByRole('list', { name: 'Kinds of links' }))
    .getAllByRole('listitem')
    .map(plain)
  expect(legend).toEqual([
    'WebRTC straight from peer to peer',
    'AXL through the AXL overlay',
    'relay through a peer that passes sealed packets on',
  ])
})

test('a ring of one kind has neither marks nor a legend', () => {
  show(readyPool())
  expect(screen.queryByRole('list', { name: 'Kinds of links' })).toBeNull()
  expect(document.querySelectorAll('.ring-links, .ring-hop tspan + tspan')).toHaveLength(0)
})

test('each link is read out with its kind, round trip and rate', () => {
  show()
  const arc = screen.getByTestId('arc-seat-0')
  const label = (arc.getAttribute('aria-label') ?? '').replaceAll('\u202f', ' ')
  expect(label).toContain('link on WebRTC, round trip 0.50 ms, 20.0 MB/s')
  fireEvent.focus(arc)
  expect(plain(screen.getByTestId('ring-detail'))).toContain('Link: WebRTC0.50 ms, 20.0 MB/s')
  fireEvent.click(screen.getByRole('button', { name: 'Table' }))
  const rows = within(screen.getByRole('table')).getAllByRole('row')
  const cells = rows
    .slice(1)
    .map(row => within(row).getAllByRole('cell').map(plain))
    .map(cells => [cells[5], cells[6], cells[8]])
  expect(cells).toEqual([
    ['WebRTC', '0.50 ms', '20.0 MB/s'],
    ['AXL', '6.00 ms', '–'],
    ['relay', '41.0 ms', '1.00 MB/s'],
  ])
})

test('relays are listed with whom they serve and what they passed on', () => {
  show()
  const relays = screen.getByRole('region', { name: 'Relays' })
  expect(plain(relays)).toContain('0x8888·8888 serves 2 peers')
  expect(plain(relays)).toContain('0x1111·1111 (this tab)12.4 MB passed on, 310 B refused')
  expect(plain(relays)).toContain('0x3333·3333– passed on, – refused')
  expect(plain(relays)).toContain('0x9999·9999 open, not needed now')
})

test('without a relay nothing is said of relays', () => {
  show(readyPool())
  expect(screen.queryByRole('region', { name: 'Relays' })).toBeNull()
})

test('an operator sees over what each neighbour is linked, how far and how fast', () => {
  const links = [
    { peer: peerId(2), isOpen: true, kind: 'axl', rttMs: 4.2, bytesPerSecond: 3.1e6 },
    { peer: peerId(3), isOpen: true, kind: 'relay', rttMs: 52, bytesPerSecond: null },
    { peer: peerId(4), isOpen: false, kind: 'webrtc', rttMs: null, bytesPerSecond: null },
  ] as const
  renderPage('/operate', {
    tab: createFakeTabStore({ status: 'serving', peer: peerId(1), layers: { start: 0, end: 2 }, links }),
  })
  const rows = within(screen.getByRole('region', { name: 'Links' }))
    .getAllByRole('listitem')
    .map(plain)
  expect(rows).toEqual(['0x2222·2222AXL4.20 ms3.10 MB/s', '0x3333·3333relay52.0 ms–', '0x4444·4444WebRTCopening'])
})

test('a seat that wants to leave is shown as such, and holds its layers still', () => {
  const seats = [sampleSeat(0, [0, 3]), sampleSeat(1, [3, 6], { status: 'draining' })]
  show(readyPool({ status: 'forming', seats, explanation: 'Draining.' }))
  expect(screen.getByTestId('arc-seat-1').getAttribute('aria-label')).toContain('leaving')
  expect(plain(screen.getByTestId('ring'))).toContain('6/6')
})
