import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import type { AxlMessage } from './axl-client.ts'
import { openAxlInbox } from './axl-inbox.ts'
import type { AxlLimits } from './axl-limits.ts'

const message = (text: string): AxlMessage => ({ body: new TextEncoder().encode(text), senderHint: '' })
const down = (): ComputePoolError => new ComputePoolError('peer_unreachable', 'ECONNREFUSED')

/** A daemon whose answers are at once there. */
function open(limits: Partial<AxlLimits> = { busyPollMs: 1, idlePollMs: 50, firstRetryMs: 100, lastRetryMs: 1000 }) {
  const clock = createManualClock()
  const queue: (AxlMessage | ComputePoolError)[] = []
  const polledMs: number[] = []
  const got: string[] = []
  const told: string[] = []
  const inbox = openAxlInbox({
    clock,
    client: {
      async recv() {
        polledMs.push(clock.monotonicMs())
        const next = queue.shift() ?? null
        if (next instanceof ComputePoolError) throw next
        return next
      },
    },
    onMessage: ({ body }) => got.push(new TextDecoder().decode(body)),
    onDown: () => told.push('down'),
    onUp: () => told.push('up'),
    limits,
  })
  const pollsIn = async (ms: number): Promise<number> => {
    const before = polledMs.length
    for (let step = 0; step < ms; step += 1) await clock.advance(1)
    return polledMs.length - before
  }
  return { clock, queue, got, told, inbox, polledMs, pollsIn }
}

describe('the inbox of an AXL daemon', () => {
  it('looks every millisecond while busy and every fifty when long idle', async () => {
    const { inbox, pollsIn } = open()
    await pollsIn(2000)
    expect(await pollsIn(1000)).toBe(20)
    inbox.setBusy(true)
    // One at once, and then one each millisecond.
    expect(await pollsIn(1000)).toBe(1001)
    inbox.setBusy(false)
    await pollsIn(2000)
    expect(await pollsIn(1000)).toBe(20)
  })

  it('never adds more than a twentieth of the silence', async () => {
    const { polledMs, pollsIn } = open()
    await pollsIn(1500)
    for (const [index, at] of polledMs.slice(1).entries()) {
      expect(at - polledMs[index]!).toBeLessThanOrEqual(Math.max(1, Math.ceil(polledMs[index]! / 20)))
    }
  })

  it('looks at once when it becomes busy, or is stirred', async () => {
    const { inbox, pollsIn, clock } = open()
    await pollsIn(2010)
    inbox.setBusy(true)
    expect(await pollsIn(1)).toBeGreaterThan(0)
    inbox.setBusy(false)
    await pollsIn(2010)
    inbox.stir()
    await clock.advance(0)
    expect(await pollsIn(10)).toBeGreaterThan(8)
  })

  it('drains the queue without looking away, and stays near afterwards', async () => {
    const { queue, got, pollsIn } = open()
    await pollsIn(2000)
    queue.push(...['a', 'b', 'c'].map(message))
    await pollsIn(50)
    expect(got).toEqual(['a', 'b', 'c'])
    expect(await pollsIn(20)).toBeGreaterThan(9)
  })

  it('backs off from a daemon that is down, tells it once, and goes on after it', async () => {
    const { queue, got, told, inbox, polledMs, pollsIn } = open()
    inbox.setBusy(true)
    await pollsIn(10)
    const from = polledMs.length
    queue.push(...Array.from({ length: 7 }, down), message('back'))
    await pollsIn(6000)
    const waits = polledMs
      .slice(from, from + 8)
      .map((at, index) => (index === 0 ? 0 : at - polledMs[from + index - 1]!))
    expect(waits.slice(1)).toEqual([100, 200, 400, 800, 1000, 1000, 1000])
    expect(told).toEqual(['down', 'up'])
    expect(got).toEqual(['back'])
    expect(inbox.counts.failures).toBe(7)
  })

  it('is back within half a second of a daemon that was away for long', async () => {
    const { queue, told, inbox, pollsIn } = open({})
    queue.push(...Array.from({ length: 100 }, down))
    await pollsIn(30_000)
    expect([told, inbox.counts.failures]).toEqual([['down'], 62])
    queue.length = 0
    await pollsIn(500)
    expect(told).toEqual(['down', 'up'])
  })

  it('reads on where a listener throws, and says so', async () => {
    const clock = createManualClock()
    const queue: (AxlMessage | ComputePoolError)[] = [down(), message('bad'), message('good')]
    const got: string[] = []
    const faults: string[] = []
    const inbox = openAxlInbox({
      clock,
      client: {
        async recv() {
          const next = queue.shift() ?? null
          if (next instanceof ComputePoolError) throw next
          return next
        },
      },
      onMessage({ body }) {
        const text = new TextDecoder().decode(body)
        if (text === 'bad') throw new Error('not handled')
        got.push(text)
      },
      onDown() {
        throw new Error('down unheard')
      },
      onUp() {
        throw new Error('up unheard')
      },
      onFault: ({ message: text }) => faults.push(text),
    })
    for (let ms = 0; ms < 300; ms += 1) await clock.advance(1)
    expect(got).toEqual(['good'])
    expect(faults).toEqual(['down unheard', 'up unheard', 'not handled'])
    expect(inbox.counts.faults).toBe(3)
    await inbox.close()
  })

  it('goes on after a message over the cap, without taking the daemon for down', async () => {
    const { queue, got, told, inbox, pollsIn } = open()
    queue.push(new ComputePoolError('peer_frame_too_large', '17 MiB'), message('next'))
    await pollsIn(10)
    expect([got, told, inbox.counts.tooLarge]).toEqual([['next'], [], 1])
  })

  it('stops for good', async () => {
    const { inbox, clock, pollsIn } = open()
    await pollsIn(100)
    await inbox.close()
    expect(await pollsIn(1000)).toBe(0)
    expect(clock.pending).toBe(0)
  })
})
