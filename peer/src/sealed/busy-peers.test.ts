import type { DatagramCarrier } from '@computepool/shared/ports'
import { createLossyNet, createManualClock, createSeededRandom, numberedFrame } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { openBusyHost } from '../../testing/busy-host.ts'
import { testPeer, testSecret, testWallet } from '../../testing/sealed-pair.ts'
import { createSealedTransport } from './index.ts'
import { createWayTable } from './way-table.ts'

const [peerA, peerB] = [testPeer(1), testPeer(2)]

/** `a` has a second way to `b`, which leads nowhere; `b` computes on its transport's thread. */
async function openRing() {
  const clock = createManualClock()
  const net = createLossyNet({ clock, delayMs: 2, jitterMs: 1 })
  const host = openBusyHost(clock)
  const open = (number: number, ownClock = clock as typeof host.clock) =>
    createSealedTransport({
      self: testPeer(number),
      key: testWallet(number),
      clock: ownClock,
      entropy: createSeededRandom(number),
    })
  const [a, b] = [open(1), open(2, host.clock)]
  const ways = createWayTable()
  ways.set(new Map([[peerB, ['good', 'dead']]]))
  const seen = { passedOver: 0, swallowed: 0 }
  const straight = net.carrier(peerA)
  const carrier: DatagramCarrier = {
    ...straight,
    async post(to, datagram) {
      if (ways.first(to) === 'dead') seen.swallowed += 1
      else await straight.post(to, datagram)
    },
    passOver(to) {
      seen.passedOver += 1
      ways.passOver(to, ways.first(to)!)
    },
    wayTo: to => ways.first(to),
    goBack: (to, way) => ways.goBack(to, way),
  }
  a.setRoutes({ epoch: 1, routes: [{ peer: peerB, kind: 'axl', secret: testSecret, carrier }] })
  const ownCarrier = host.carrier(net.carrier(peerB))
  b.setRoutes({ epoch: 1, routes: [{ peer: peerA, kind: 'axl', secret: testSecret, carrier: ownCarrier }] })
  const closings: string[] = []
  for (const side of [a, b]) side.onLink(event => event.type === 'link-closed' && closings.push(event.error.code))
  for (let turn = 0; turn < 200 && ![a, b].every(side => side.links()[0]?.isOpen); turn += 1) await clock.advance(10)
  await clock.advance(200)
  /** Frames go to `b`, which computes `stepOf(index)` and answers. */
  async function run(count: number, stepOf: (index: number) => number): Promise<number> {
    let done = 0
    b.onFrame(() => {
      const stepMs = stepOf(done)
      host.block(stepMs)
      clock.schedule(stepMs, () => void b.send(peerA, numberedFrame(1, 120)).catch(() => {}))
    })
    a.onFrame(() => {
      done += 1
      if (done < count) void a.send(peerB, numberedFrame(done, 5000))
    })
    const begunMs = clock.monotonicMs()
    await a.send(peerB, numberedFrame(0, 5000))
    while (done < count && closings.length === 0 && clock.monotonicMs() - begunMs < 600_000) await clock.advance(5)
    expect([done, closings]).toEqual([count, []])
    return clock.monotonicMs() - begunMs
  }
  return { clock, net, a, b, seen, ways, closings, run }
}

describe('a peer that computes on its transport’s thread', () => {
  it('keeps its links through a step of 50 s, and loses nothing', async () => {
    const { run } = await openRing()
    await run(3, () => 50_000)
  })

  it('is no reason to take another way, where its steps take 1.5 s', async () => {
    const { run, seen } = await openRing()
    const steps = (index: number): number => (index % 10 === 9 ? 1500 : 30)
    const tookMs = await run(60, steps)
    expect(seen).toEqual({ passedOver: 0, swallowed: 0 })
    const computedMs = Array.from({ length: 60 }, (_, index) => steps(index)).reduce((sum, each) => sum + each, 0)
    expect(tookMs - computedMs).toBeLessThan(60 * 20)
  })

  it('is sought by another way at most once in two seconds, and found again by the one that works', async () => {
    const { run, seen, ways } = await openRing()
    const tookMs = await run(5, () => 9000)
    expect(seen.passedOver).toBeGreaterThan(0)
    expect(seen.passedOver).toBeLessThanOrEqual(5 * 4)
    expect(ways.first(peerB)).toBe('good')
    // What went the dead way is sent again.
    expect(tookMs).toBeLessThan(5 * (9000 + 3000))
  })
})
