import { beforeEach, describe, expect, it, vi } from 'vitest'
import { byChannels, byDaemon, createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { canPlace, placeSwarm } from './place-swarm.ts'
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
