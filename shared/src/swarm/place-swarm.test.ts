import { beforeEach, describe, expect, it, vi } from 'vitest'
import { byChannels, byDaemon, createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { protocolVersion } from '../wire/index.ts'
import { canPlace, placementInput, placeSwarm } from './place-swarm.ts'
import { planPlacement } from './plan-placement.ts'

vi.mock('./plan-placement.ts', async importOriginal => {
  const real = await importOriginal<typeof import('./plan-placement.ts')>()
  return { ...real, planPlacement: vi.fn(real.planPlacement) }
})
const searches = vi.mocked(planPlacement)
beforeEach(() => void searches.mockClear())

const [a, b, c] = ['a', 'b', 'c'].map(shellPeer) as [string, string, string]
const stranger = shellPeer('d')

/** What anybody may say as often as the hub's rate allows. */
function chatter(shell: SwarmShell, peer: string): void {
  const stats = { requests: 0, stepMs: 3, weightsBytes: 1, kvBytes: 1, tokensServed: 1, isHidden: false }
  const measured = { engine: 'wasm', device: 'cpu', isSoftware: true, activationDtype: 'f32' } as const
  for (let turn = 0; turn < 20; turn++) {
    const capability = { ...measured, msPerLayer: 1 + turn, headMs: 1, memoryBudgetBytes: 50 }
    shell.say(peer, { type: 'stats-reported', ...stats, tokensServed: turn })
    shell.say(peer, { type: 'capability-reported', model: 'demo', capability })
    shell.say(peer, { type: 'slice-progressed', epoch: 7, phase: 'loading', doneBytes: turn, totalBytes: 30 })
    shell.say(peer, { type: 'links-reported', epoch: 7, links: [] })
    shell.view()
  }
}

describe('the search for a placement', () => {
  it('is not run again for what it does not read while a pool waits', () => {
    const shell = createSwarmShell({ minSeats: 4 })
    for (const peer of [a, b, stranger]) shell.join(peer)
    searches.mockClear()
    chatter(shell, stranger)
    shell.happen({ type: 'peer-connected', peer: c, atMs: 0 })
    expect(searches).not.toHaveBeenCalled()
  })

  it('is not run at all while a ring drains', () => {
    const shell = createSwarmShell()
    for (const peer of [a, b, c]) shell.join(peer)
    shell.serve()
    shell.say(b, { type: 'peer-draining' })
    searches.mockClear()
    chatter(shell, c)
    chatter(shell, a)
    expect(shell.view().explanation).toContain('wants to leave')
    expect(searches).not.toHaveBeenCalled()
  })

  it('is run once for all who ask whether others can take a ring over, whatever links measure meanwhile', () => {
    const shell = createSwarmShell({ minSeats: 1 })
    for (const peer of [a, b]) shell.join(peer, 400)
    shell.serve()
    shell.join(c, 5000)
    shell.say(b, { type: 'peer-draining' })
    searches.mockClear()
    for (let rttMs = 1; rttMs < 20; rttMs++) {
      shell.links(a, true, rttMs)
      expect(canPlace(shell.state(), shell.coalition()!)).toBe(true)
    }
    expect(searches.mock.calls.length).toBeLessThanOrEqual(1)
  })

  it.each<[string, (shell: SwarmShell) => void]>([
    ['a peer joins', shell => shell.join(c, 5000, 1, byChannels)],
    ['a peer leaves', shell => shell.gone(b)],
    ['a peer drains', shell => shell.say(b, { type: 'peer-draining' })],
    ['a relay joins', shell => shell.joinRelay(c)],
  ])('is run again when %s', (_, change) => {
    const shell = createSwarmShell({ minSeats: 4 })
    shell.join(a, 5000, 1, byChannels)
    shell.join(b, 5000, 1, byDaemon('b'))
    const before = placeSwarm(shell.state())
    searches.mockClear()
    change(shell)
    placeSwarm(shell.state())
    expect(searches).toHaveBeenCalledTimes(1)
    expect(placeSwarm(shell.state())).not.toBe(before)
  })

  it('is run again for other measures', () => {
    const shell = createSwarmShell({ minSeats: 4 })
    for (const peer of [a, b]) shell.join(peer)
    const before = placeSwarm(shell.state())
    const webrtc = { rttMs: 9, bytesPerSecond: null }
    expect(placeSwarm({ ...shell.state(), measures: { [`${a}|${b}`]: { webrtc } } })).not.toBe(before)
  })
})

describe('a seat whose work nobody could judge closely', () => {
  /** One seat; `b` is so much slower than `a`, and says what it computes on. */
  function seated(slower: number, engine: 'wasm' | 'webgpu'): string[] {
    const shell = createSwarmShell({ minSeats: 1 })
    for (const peer of [a, b]) {
      shell.happen({ type: 'peer-connected', peer, atMs: 0 })
      const joined = { type: 'peer-joined', version: protocolVersion, agent: 'test', role: 'operator' } as const
      shell.say(peer, { ...joined, reach: byChannels })
    }
    for (const [peer, kind, msPerLayer] of [
      [a, 'webgpu', 4],
      [b, engine, 4 * slower],
    ] as const) {
      const facts = { device: 'gpu', isSoftware: false, activationDtype: kind === 'webgpu' ? 'f16' : 'f32' } as const
      const capability = { engine: kind, ...facts, msPerLayer, headMs: 1, memoryBudgetBytes: 5000 }
      shell.say(peer, { type: 'capability-reported', model: 'demo', capability })
    }
    const placed = planPlacement(placementInput(shell.state(), Object.values(shell.state().peers)))
    return placed.kind === 'placed' ? placed.seats.map(({ peer }) => peer) : []
  }

  it('goes to somebody whose could be, unless that takes twice as long, and is as good as any where nobody is', () => {
    expect(seated(1.5, 'wasm')).toEqual([b])
    expect(seated(3, 'wasm')).toEqual([a])
    expect(seated(1.5, 'webgpu')).toEqual([a])
  })
})
