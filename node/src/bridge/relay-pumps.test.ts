import { decodeParcel, encodeParcel } from '@computepool/shared/datagram'
import type { PeerId } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createRelay } from './create-relay.ts'
import { createRelayPumps } from './relay-pumps.ts'

const peerOf = (number: number): PeerId => `0x${String(number).padStart(40, '0')}.0000000${number}`
const [tab, other, node] = [1, 2, 3].map(peerOf) as [PeerId, PeerId, PeerId]
const turn = (): Promise<void> => new Promise(resolve => setImmediate(() => setImmediate(resolve)))

/** Ways out that hand over nothing until they are told to. */
function open() {
  const relay = createRelay()
  relay.assign({
    epoch: 1,
    members: [
      { peer: tab, axl: null },
      { peer: other, axl: null },
      { peer: node, axl: 'a'.repeat(64) },
    ],
  })
  const handed: { to: string; datagrams: number; settle: (fault?: Error) => void }[] = []
  const lost: string[] = []
  const hand = (to: string, parcel: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (fault?: Error): void => (fault ? reject(fault) : resolve())
      handed.push({ to, datagrams: decodeParcel(parcel)!.length, settle })
    })
  const pumps = createRelayPumps({
    relay,
    sendByLink: hand,
    sendByAxl: hand,
    onLost: ({ peer }, { message }) => lost.push(`${peer} ${message}`),
  })
  const say = (from: PeerId, to: PeerId): void => {
    const parcel = encodeParcel([{ from, to, datagram: new Uint8Array(100) }])
    pumps.wake(relay.accept({ kind: 'link', peer: from }, parcel, 0).wake)
  }
  return { pumps, handed, lost, say }
}

describe('the pumps of a relay', () => {
  it('send what came in one turn in one parcel, and what comes meanwhile in the next', async () => {
    const { handed, say, pumps } = open()
    for (let index = 0; index < 5; index += 1) say(tab, other)
    await turn()
    for (let index = 0; index < 7; index += 1) say(tab, other)
    await turn()
    expect(handed.map(({ datagrams }) => datagrams)).toEqual([5])
    handed[0]!.settle()
    await turn()
    expect(handed.map(({ datagrams }) => datagrams)).toEqual([5, 7])
    handed[1]!.settle()
    await turn()
    expect(pumps.counts).toEqual({ sent: 2, lost: 0 })
  })

  it('hold up nobody for one who is slow', async () => {
    const { handed, say } = open()
    say(tab, other)
    await turn()
    say(other, tab)
    say(tab, node)
    await turn()
    expect(handed.map(({ to }) => to)).toEqual([other, tab, 'a'.repeat(64)])
  })

  it('dial a daemon four times at once, and no more', async () => {
    const { handed, say } = open()
    for (let index = 0; index < 6; index += 1) {
      say(tab, node)
      await turn()
    }
    expect(handed.map(({ datagrams }) => datagrams)).toEqual([1, 1, 1, 1])
    handed[2]!.settle()
    await turn()
    expect(handed.map(({ datagrams }) => datagrams)).toEqual([1, 1, 1, 1, 2])
  })

  it('go on after a parcel that could not be handed over', async () => {
    const { handed, lost, say, pumps } = open()
    say(tab, other)
    await turn()
    say(tab, other)
    handed[0]!.settle(new Error('gone'))
    await turn()
    handed[1]!.settle()
    await turn()
    expect(lost).toEqual([`${other} gone`])
    expect(pumps.counts).toEqual({ sent: 1, lost: 1 })
  })
})
