import { createManualClock } from '@computepool/shared/testing'
import { type PeerId, protocolVersion } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import type { ChannelHandlers, LinkChannel } from './link-channel.ts'
import { createRtcLink } from './rtc-link.ts'
import { defaultTransportLimits, type TransportLimits } from './transport-limits.ts'

const self: PeerId = `0x${'a'.repeat(40)}.00000001`
const peer: PeerId = `0x${'b'.repeat(40)}.00000002`

/** A link to a peer that answers pings after `rttMs`. */
async function openLink(
  rttMs: number | ((ping: number) => number),
  given: Partial<TransportLimits> = {},
  isInitiator = true,
  carries: 'frames' | 'nothing' = 'frames',
) {
  const clock = createManualClock()
  const asked: number[] = []
  const closings: string[] = []
  const link = createRtcLink({
    self,
    peer,
    epoch: 1,
    clock,
    limits: { ...defaultTransportLimits, ...given },
    onOpened: () => {},
    onMeasured: () => {},
    onFrame: () => {},
    onClosed: error => closings.push(error.code),
    restartIce: () => {},
    openLanes: isInitiator ? count => asked.push(count) : null,
  })
  function attach(
    name: Parameters<typeof link.attach>[0],
    onSent: (data: string | Uint8Array) => void = () => {},
  ): ChannelHandlers {
    let handlers!: ChannelHandlers
    const channel: LinkChannel = {
      isOpen: true,
      bufferedBytes: 0,
      send(data) {
        onSent(data)
        const ping = typeof data === 'string' ? JSON.parse(data) : null
        if (ping?.type !== 'ping') return
        clock.schedule(typeof rttMs === 'number' ? rttMs : rttMs(ping.nonce), () =>
          handlers.received(JSON.stringify({ type: 'pong', nonce: ping.nonce })),
        )
      },
      listen(told) {
        handlers = told
      },
    }
    link.attach(name, channel)
    return handlers
  }
  const control = attach('control')
  attach('frames')
  control.opened()
  control.received(JSON.stringify({ type: 'hello', version: protocolVersion, peer, epoch: 1 }))
  if (carries === 'frames') await link.send(new Uint8Array(8))
  await clock.advance(8000)
  return { clock, link, asked, closings, attach }
}

describe('a link', () => {
  it('asks for lanes once, where its peer is far', async () => {
    expect((await openLink(100)).asked).toEqual([defaultTransportLimits.lanes])
    expect((await openLink(20)).asked).toEqual([defaultTransportLimits.lanes])
    expect((await openLink(19)).asked).toEqual([])
    expect((await openLink(100, { lanes: 0 })).asked).toEqual([])
    expect((await openLink(100, {}, false)).asked).toEqual([])
  })

  it('asks for none while it carries nothing, and at its first frame where its peer is known to be far', async () => {
    const idle = await openLink(100, {}, true, 'nothing')
    expect(idle.asked).toEqual([])
    await idle.link.send(new Uint8Array(8))
    expect(idle.asked).toEqual([defaultTransportLimits.lanes])
    const near = await openLink(19, {}, true, 'nothing')
    await near.link.send(new Uint8Array(8))
    expect(near.asked).toEqual([])
  })

  it('does not take a peer for far whose pongs wait now and then', async () => {
    // One of six comes at once: in every two seconds there is one.
    expect((await openLink(ping => (ping % 6 === 4 ? 1 : 80))).asked).toEqual([])
    expect((await openLink(ping => (ping === 1 ? 1 : 80))).asked).toEqual([defaultTransportLimits.lanes])
  })

  describe('whose lane loses its path', () => {
    async function openWithLane() {
      const opened = await openLink(100)
      const taken: number[] = []
      opened.attach('lane-1', data => taken.push(data.length)).opened()
      const largeFrame = new Uint8Array(50_000)
      return { ...opened, taken, largeFrame }
    }

    it('uses it no more, and again when the path is back', async () => {
      const { clock, link, closings, taken, largeFrame } = await openWithLane()
      await link.send(largeFrame)
      const before = taken.length
      expect(before).toBeGreaterThan(0)
      link.connectionChanged('disconnected', 1)
      expect(link.hasPath).toBe(false)
      await link.send(largeFrame)
      await link.send(new Uint8Array(100))
      expect(taken).toHaveLength(before)
      await clock.advance(defaultTransportLimits.disconnectDeadlineMs - 1)
      link.connectionChanged('connected', 1)
      expect(link.hasPath).toBe(true)
      await link.send(largeFrame)
      expect(taken.length).toBeGreaterThan(before)
      await clock.advance(20_000)
      expect(closings).toEqual([])
    })

    it('ends where frames may be lost on it, and goes on where it was long unused', async () => {
      const used = await openWithLane()
      await used.link.send(used.largeFrame)
      used.link.connectionChanged('disconnected', 1)
      used.link.connectionChanged('failed', 1)
      await used.clock.advance(defaultTransportLimits.disconnectDeadlineMs)
      expect(used.closings).toEqual(['peer_disconnected'])
      const idle = await openWithLane()
      await idle.link.send(idle.largeFrame)
      await idle.clock.advance(31_000)
      idle.link.connectionChanged('failed', 1)
      await idle.clock.advance(20_000)
      expect([idle.closings, idle.link.facts.isOpen, idle.link.hasPath]).toEqual([[], true, false])
    })

    it('is as it was where the lane never opened', async () => {
      const { clock, link, closings } = await openLink(100)
      link.connectionChanged('failed', 2)
      await clock.advance(20_000)
      expect([closings, link.hasPath]).toEqual([[], true])
    })
  })

  it('goes on without a lane that never opened or was long unused, and ends with one that carried frames', async () => {
    const { link, closings, attach } = await openLink(100)
    attach('lane-1').closed()
    expect([link.facts.isOpen, closings]).toEqual([true, []])
    const lane = attach('lane-2')
    lane.opened()
    lane.closed()
    expect([link.facts.isOpen, closings]).toEqual([true, []])
    const used = attach('lane-3')
    used.opened()
    await link.send(new Uint8Array(50_000))
    used.closed()
    expect([link.facts.isOpen, closings]).toEqual([false, ['peer_disconnected']])
  })
})
