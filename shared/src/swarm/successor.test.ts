import { describe, expect, it } from 'vitest'
import { type SwarmShell, servingPair, shellPeer } from '../../testing/swarm-shell.ts'
import { expectedLayerMs } from './learn-speed.ts'

const [a, b, c] = ['a', 'b', 'c'].map(shellPeer) as [string, string, string]

function serving(): SwarmShell {
  return servingPair({ hopMs: 1, usualRttMs: { loopback: 0, webrtc: 1, axl: 1, relay: 1 } })
}
/** A second of work, as the peer tells it. */
function work(shell: SwarmShell, peer: string, stepMs: number | null, isHidden = false, hasWorked = true): void {
  const tokensServed = (shell.state().peers[peer]!.stats?.tokensServed ?? 0) + (hasWorked ? 10 : 0)
  shell.say(peer, { type: 'stats-reported', requests: 1, stepMs, weightsBytes: 1, kvBytes: 1, tokensServed, isHidden })
}
const chosen = (shell: SwarmShell) => shell.acts.filter(({ type }) => type === 'choose-successor')
const standsBy = (shell: SwarmShell, peer: string): void => {
  shell.join(peer)
  shell.sliceReady(peer)
}

describe('a ring whose seat turned slow', () => {
  it('loads its successor first, serves meanwhile, drains, and is formed anew', () => {
    const shell = serving()
    standsBy(shell, c)
    shell.advance(60_000)
    for (let second = 0; second < 30; second++) {
      work(shell, a, 9)
      work(shell, b, 3)
    }
    shell.advance(1000)
    // The one that stood by for the second seat is to hold the first.
    expect(chosen(shell)).toMatchObject([{ seats: [{ peer: c, layers: { start: 0, end: 3 } }, { peer: b }] }])
    expect(shell.rings()).toEqual(['a:0-3 b:3-6 + c:0-3?'])
    expect(shell.status()).toBe('ready')
    shell.sliceReady(c)
    expect(shell.view()).toMatchObject({
      status: 'forming',
      explanation: 'Draining: a faster ring is loaded. What runs is finished, then it takes over.',
    })
    shell.happen({ type: 'ring-drained', epoch: shell.epoch() })
    expect(shell.seats()).toEqual(['c:0-3', 'b:3-6'])
    shell.serve()
    // Whoever was moved stands by now.
    expect(shell.rings()[0]).toMatch(/^c:0-3 b:3-6 \+ a:/)
  })

  it('is given up where it is hidden, as if it ran two and a half times slower, until that is measured', () => {
    const shell = serving()
    standsBy(shell, c)
    shell.advance(60_000)
    work(shell, b, null, true)
    shell.advance(1000)
    expect(chosen(shell)).toHaveLength(1)
    const measured = serving()
    standsBy(measured, c)
    work(measured, b, 3.2, true)
    measured.advance(60_000)
    work(measured, b, 3.2, true)
    measured.advance(1000)
    expect(chosen(measured)).toEqual([])
  })

  it('is left alone for a minute, and where nobody who waits is faster', () => {
    const shell = serving()
    standsBy(shell, c)
    work(shell, b, null, true)
    shell.advance(59_000)
    expect(chosen(shell)).toEqual([])
    const alone = serving()
    alone.advance(60_000)
    work(alone, b, null, true)
    alone.advance(1000)
    // The other seat takes most of its layers.
    expect(chosen(alone)).toMatchObject([{ seats: [{ peer: a }, { peer: b, layers: { start: 5, end: 6 } }] }])
  })

  it('is not what all seats slow alike look like', () => {
    const shell = serving()
    standsBy(shell, c)
    shell.advance(60_000)
    for (let second = 0; second < 30; second++) {
      work(shell, a, 12)
      work(shell, b, 12)
    }
    shell.advance(1000)
    expect(chosen(shell)).toEqual([])
  })

  it('is formed with its new splits, which nothing undoes, where nobody new is needed', () => {
    const shell = serving()
    shell.advance(60_000)
    work(shell, b, null, true)
    shell.advance(5000)
    expect(chosen(shell)).toHaveLength(1)
    shell.happen({ type: 'ring-drained', epoch: shell.epoch() })
    expect(shell.rings()).toEqual(['a:0-5 b:5-6'])
    shell.serve()
    for (let minute = 0; minute < 3; minute++) {
      shell.advance(60_000)
      work(shell, b, null, true)
    }
    expect([shell.rings(), shell.status()]).toEqual([['a:0-5 b:5-6'], 'ready'])
    expect(chosen(shell)).toHaveLength(1)
  })

  it('stays as it is where the one that was to come goes, or fails', () => {
    const error = { code: 'engine_self_test_failed', message: 'Layer 1 is off.', remedy: '', context: {} }
    const ends: ((shell: SwarmShell) => void)[] = [
      shell => shell.gone(c),
      shell => shell.say(c, { type: 'peer-draining' }),
      shell => shell.say(c, { type: 'slice-refused', epoch: shell.epoch(), error }),
      shell => shell.advance(121_000),
    ]
    for (const end of ends) {
      const shell = serving()
      shell.join(c)
      shell.advance(60_000)
      work(shell, b, null, true)
      shell.advance(1000)
      expect(chosen(shell)).toHaveLength(1)
      work(shell, b, null, false)
      shell.advance(3000)
      end(shell)
      expect(shell.coalition()).toMatchObject({ successor: null, status: 'ready', standbys: [] })
    }
  })
})

describe('somebody faster who waits', () => {
  it('takes a seat where the lap gets a fifth shorter', () => {
    const shell = serving()
    shell.join(c, 5000, 0.2)
    shell.advance(59_000)
    expect(chosen(shell)).toEqual([])
    shell.advance(1000)
    expect(chosen(shell)).toHaveLength(1)
    const slow = serving()
    slow.join(c, 5000, 0.9)
    slow.advance(60_000)
    expect(chosen(slow)).toEqual([])
  })
})

describe('a speed', () => {
  it('is learned from work alone, smoothed, apart for a hidden page, in steps', () => {
    const shell = serving()
    const of = (): number => expectedLayerMs(shell.state().peers[a]!, 1)
    work(shell, a, 300, false, false)
    expect(of()).toBe(1)
    work(shell, a, 3.06)
    expect([shell.state().peers[a]!.speed, of()]).toEqual([{ visibleMs: 1.02, hiddenMs: null }, 1])
    work(shell, a, 6.06)
    expect(shell.state().peers[a]!.speed.visibleMs).toBeCloseTo(1.12)
    expect(of()).toBeCloseTo(1.1)
    work(shell, a, 9, true)
    shell.advance(3000)
    expect(of()).toBeCloseTo(1.1 ** 12)
    work(shell, a, 9, false, false)
    shell.advance(3000)
    expect(of()).toBeCloseTo(1.1)
  })
})
