import { describe, expect, it } from 'vitest'
import { createBridgeLog } from './bridge-log.ts'
import type { BridgeSnapshot } from './bridge-snapshot.ts'

const waiting: BridgeSnapshot = {
  status: 'waiting',
  peer: `0x${'1'.repeat(40)}.00000001`,
  coalition: null,
  members: [],
  sentParcels: 0,
  lostParcels: 0,
  axlSendMs: null,
  error: null,
}
const relaying = (forwardedBytes: number): BridgeSnapshot => ({
  ...waiting,
  status: 'relaying',
  coalition: 'c-1',
  axlSendMs: 1.234,
  members: [
    { peer: `0x${'a'.repeat(40)}.00000001`, by: 'webrtc', rttMs: 0.52, isOpen: true, forwardedBytes, refusedBytes: 0 },
    {
      peer: `0x${'b'.repeat(40)}.00000001`,
      by: 'axl',
      rttMs: null,
      isOpen: true,
      forwardedBytes: 0,
      refusedBytes: 52_000_000,
    },
  ],
})

function open(json: boolean) {
  const lines: string[] = []
  let nowMs = 0
  const log = createBridgeLog({ json, write: text => lines.push(text), nowMs: () => nowMs })
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { log, lines, pass }
}

describe('the log of a bridge', () => {
  it('tells each change in words, and figures now and then', () => {
    const { log, lines, pass } = open(false)
    log.show(waiting)
    log.show(waiting)
    log.show(relaying(0))
    log.show(relaying(1000))
    pass(60_000)
    log.show(relaying(2_500_000))
    pass(60_000)
    log.show(relaying(2_500_000))
    expect(lines.join('')).toMatchInlineSnapshot(`
      "Waiting for peers that need a bridge.
      Relaying for c-1: 0xaaaaaa… (WebRTC, 0.5 ms) 0.0 MB · 0xbbbbbb… (AXL) 0.0 MB, 52.0 MB refused. AXL’s last /send took 1.2 ms.
      Relaying for c-1: 0xaaaaaa… (WebRTC, 0.5 ms) 2.5 MB · 0xbbbbbb… (AXL) 0.0 MB, 52.0 MB refused. AXL’s last /send took 1.2 ms.
      "
    `)
  })

  it('tells the same as JSON lines', () => {
    const { log, lines } = open(true)
    log.show(relaying(7))
    log.note({ type: 'notice', text: 'Careful.' }, 'Careful.')
    expect(lines.map(line => JSON.parse(line))).toMatchObject([
      {
        type: 'status-changed',
        status: 'relaying',
        coalition: 'c-1',
        axlSendMs: 1.234,
        members: [{ forwardedBytes: 7 }, {}],
      },
      { type: 'notice', text: 'Careful.' },
    ])
  })

  it('tells a problem once', () => {
    const { log, lines } = open(false)
    const error = { code: 'peer_unreachable', message: 'The hub is gone.', remedy: 'Wait.', context: {} } as const
    log.show({ ...waiting, status: 'connecting', error })
    log.show({ ...waiting, status: 'connecting', error })
    expect(lines).toEqual(['The hub is gone. Wait.\n', 'Connecting.\n'])
  })
})
