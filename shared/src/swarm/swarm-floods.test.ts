import { beforeEach, expect, it, vi } from 'vitest'
import { createSwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
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
