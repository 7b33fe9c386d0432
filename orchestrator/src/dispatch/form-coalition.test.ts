import { createSeededRandom } from '@computepool/shared/testing'
import { type DeskCommand, deskCommandSchema, type PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createCoalitionTeller } from './form-coalition.ts'

const peers = ['1', '2', '3'].map((digit): PeerId => `0x${digit.repeat(40)}.0000000${digit}`)

/** Three seats, all linked with one another; what each end was told, as `pair secret`. */
function formedBy(entropy: ReturnType<typeof createSeededRandom>, epoch: number): string[] {
  const commands: { peer: string; command: DeskCommand }[] = []
  const hub = { command: (peer: string, command: DeskCommand) => commands.push({ peer, command }), setCoalition() {} }
  createCoalitionTeller(hub as never, entropy, 'm').form({
    type: 'form-coalition',
    id: `c${epoch}`,
    epoch,
    seats: peers.map((peer, seat) => ({ seat, peer, layers: { start: seat, end: seat + 1 } })),
    kvBudgetBytes: [1, 1, 1],
    maxContext: 64,
    routes: peers.map(self =>
      peers.filter(peer => peer !== self).map(peer => ({ peer, paths: [{ kind: 'webrtc' as const }] })),
    ),
    relays: [],
    lapMs: 1,
  })
  return commands.flatMap(({ peer: self, command }) => {
    expect(deskCommandSchema.parse(command)).toEqual(command)
    const routes = command.type === 'assign-slice' ? command.routes : []
    return routes.map(({ peer, secret }) => `${[self, peer].sort().join(' ')} ${secret}`)
  })
}

describe('a new coalition', () => {
  it('has a secret for each pair, the same at both ends, and others in the next assignment', () => {
    const entropy = createSeededRandom(4)
    const first = formedBy(entropy, 1)
    expect([first.length, new Set(first).size]).toEqual([6, 3])
    const secretsOf = (told: readonly string[]): string[] => [...new Set(told.map(line => line.split(' ')[2]!))]
    expect(secretsOf(first)).toHaveLength(3)
    const both = new Set([...secretsOf(first), ...secretsOf(formedBy(entropy, 2))])
    expect(both.size).toBe(6)
  })
})
