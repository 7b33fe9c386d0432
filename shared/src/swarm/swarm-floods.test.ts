import { beforeEach, expect, it, vi } from 'vitest'
import { createSwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { isTimeAwaited } from './awaits-time.ts'
import { planPlacement } from './plan-placement.ts'

vi.mock('./plan-placement.ts', async importOriginal => {
  const real = await importOriginal<typeof import('./plan-placement.ts')>()
  return { ...real, planPlacement: vi.fn(real.planPlacement) }
})
const searches = vi.mocked(planPlacement)
beforeEach(() => void searches.mockClear())

const [a, b] = ['a', 'b'].map(shellPeer) as [string, string]
const crowd = Array.from({ length: 12 }, (_, index) => shellPeer(`1${index + 10}`))

it('searches nothing for what a crowd says beside rings that serve, and once for each who joins', () => {
  const shell = createSwarmShell()
  for (const peer of [a, b]) shell.join(peer)
  shell.serve()
  // Too small to stand by, or to form a ring.
  for (const peer of crowd) shell.join(peer, 60)
  expect(searches.mock.calls.length).toBeLessThanOrEqual(2 + crowd.length)
  shell.advance(60_000)
  searches.mockClear()
  const acts = shell.acts.length
  for (let turn = 1; turn < 30; turn++) {
    for (const peer of crowd) {
      const stats = { requests: 0, stepMs: turn, weightsBytes: 1, kvBytes: 1, tokensServed: turn, isHidden: false }
      shell.say(peer, { type: 'stats-reported', ...stats })
      shell.say(peer, { type: 'links-reported', epoch: shell.epoch(), links: [] })
      shell.say(peer, { type: 'slice-ready', epoch: shell.epoch(), kvBudgetBytes: 1, maxContext: 1 })
    }
    // Round trips that dither by a millisecond.
    shell.links(a, true, 3 + (turn % 2) / 2)
  }
  expect(searches.mock.calls.length).toBeLessThanOrEqual(1)
  expect([shell.acts.length, shell.status()]).toEqual([acts, 'ready'])
})

it('searches again for a ring that serves only when a speed moved by a step', () => {
  const shell = createSwarmShell()
  for (const peer of [a, b]) shell.join(peer)
  shell.serve()
  shell.advance(60_000)
  searches.mockClear()
  for (let turn = 1; turn < 200; turn++) {
    const stats = { requests: 0, stepMs: 3 + (turn % 10) / 100, weightsBytes: 1, kvBytes: 1, tokensServed: turn }
    for (const peer of [a, b]) shell.say(peer, { type: 'stats-reported', ...stats, isHidden: false })
  }
  expect(searches.mock.calls.length).toBeLessThanOrEqual(2)
})

it('looks at what a stranger says of its page once it has lasted, and when time passes', () => {
  const shell = createSwarmShell()
  for (const peer of [a, b]) shell.join(peer)
  shell.serve()
  for (const peer of crowd.slice(0, 3)) shell.join(peer)
  for (const { peer } of shell.coalition()!.standbys) shell.sliceReady(peer)
  shell.advance(61_000)
  const stranger = crowd[2]!
  const say = (isHidden: boolean): void => {
    const stats = { requests: 0, stepMs: null, weightsBytes: 1, kvBytes: 1, tokensServed: 0, isHidden }
    shell.say(stranger, { type: 'stats-reported', ...stats })
  }
  say(false)
  shell.advance(1000)
  searches.mockClear()
  for (let turn = 0; turn < 200; turn++) {
    say(turn % 2 === 0)
    if (turn % 20 === 19) shell.advance(1000)
  }
  expect(searches).not.toHaveBeenCalled()
  say(true)
  for (let second = 0; second < 3; second++) {
    expect(shell.state().peers[stranger]!.isHidden).toBe(false)
    expect(isTimeAwaited(shell.state())).toBe(true)
    shell.advance(1000)
    for (let turn = 0; turn < 20; turn++) say(true)
  }
  expect(shell.state().peers[stranger]!.isHidden).toBe(true)
  const { length } = searches.mock.calls
  expect(length).toBeGreaterThan(0)
  shell.advance(1000)
  expect(searches).toHaveBeenCalledTimes(length)
})

it('asks for nothing before time passes where peers beside rings only say what they say every second', () => {
  const shell = createSwarmShell()
  for (const peer of [a, b]) shell.join(peer)
  shell.serve()
  shell.advance(60_000)
  expect(isTimeAwaited(shell.state())).toBe(false)
  const stats = { requests: 0, stepMs: null, weightsBytes: 1, kvBytes: 1, tokensServed: 0, isHidden: true }
  const acts = shell.acts.length
  shell.say(a, { type: 'stats-reported', ...stats })
  expect([shell.acts.length, isTimeAwaited(shell.state())]).toEqual([acts, true])
  shell.advance(1000)
  expect([shell.acts.slice(acts).map(({ type }) => type), shell.status()]).toEqual([['choose-successor'], 'forming'])
})
