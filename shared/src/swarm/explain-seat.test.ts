import { expect, it } from 'vitest'
import { createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { protocolVersion } from '../wire/index.ts'

const [a, b, c] = ['a', 'b', 'c'].map(shellPeer) as [string, string, string]
const reasons = (shell: SwarmShell) => shell.view().seats.map(({ reason }) => reason)
const stats = { requests: 0, stepMs: null, weightsBytes: 1, kvBytes: 1, tokensServed: 0 }

it('says why each seat holds what it holds, and why not more', () => {
  const tight = createSwarmShell()
  tight.join(a, 500, 1)
  tight.join(b, 5000, 4)
  tight.join(c, 300, 9)
  tight.serve()
  const even = createSwarmShell({ minSeats: 3 })
  for (const peer of [a, b, c]) even.join(peer, 5000, 1)
  const mixed = createSwarmShell({ lapTolerance: 0 })
  mixed.join(a, 5000, 1)
  mixed.join(b, 5000, 2.04)
  const whole = createSwarmShell({ minSeats: 1 })
  whole.join(a)
  whole.serve()
  whole.say(a, { type: 'stats-reported', ...stats, isHidden: true })
  expect([tight, even, mixed, whole].map(reasons)).toMatchInlineSnapshot(`
    [
      [
        "fastest of 2 (1 ms a layer) for 4 layers; 5 would not fit in 1 kB beside a full cache",
        "slowest of 2 (4 ms a layer) for 2 layers; with 3 it would be what all others wait for",
      ],
      [
        "fastest of 3 (1 ms a layer) for 2 layers; with 3 it would be what all others wait for",
        "fastest of 3 (1 ms a layer) for 2 layers; with 3 it would be what all others wait for",
        "fastest of 3 (1 ms a layer) for 2 layers; with 3 it would be what all others wait for",
      ],
      [
        "fastest of 2 (1 ms a layer) for 5 layers; with 6 it would be what all others wait for",
        "slowest of 2 (2 ms a layer) for 1 layer; others take less for a layer (1 ms)",
      ],
      [
        "holds all 6 layers (2.6 ms a layer, as its page is hidden): one seat is the shortest way",
      ],
    ]
  `)
})

it('says of which seats the work is not judged', () => {
  const shell = createSwarmShell()
  shell.join(a, 5000, 1)
  shell.happen({ type: 'peer-connected', peer: b, atMs: 0 })
  const reach = { webrtc: true, axl: null }
  shell.say(b, { type: 'peer-joined', version: protocolVersion, agent: 'test', role: 'operator', reach })
  const facts = { engine: 'webgpu', device: 'gpu', isSoftware: false, activationDtype: 'f16' } as const
  const capability = { ...facts, msPerLayer: 1, headMs: 1, memoryBudgetBytes: 5000 }
  shell.say(b, { type: 'capability-reported', model: 'demo', capability })
  const seatOf = (peer: string) => shell.view().seats.find(seat => seat.peer === peer)!
  expect(seatOf(b)).toMatchObject({
    isJudged: false,
    reason: expect.stringContaining(
      '; its work is not judged closely, for nobody measured how far webgpu in f16 may lie from an auditor’s engine on q8 weights',
    ),
  })
  expect(seatOf(a).reason).not.toContain('judged')
  expect(seatOf(a)).not.toHaveProperty('isJudged')
})
