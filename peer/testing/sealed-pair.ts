/** Two or more sealed transports on one lossy network, for tests: real wallets, manual clock, printed seed. */
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import { createSealedTransport, type SealedLimits, type SealedTransport } from '@computepool/peer/sealed/index.ts'
import type { LinkEvent } from '@computepool/shared/ports'
import {
  createLossyNet,
  createManualClock,
  createSeededRandom,
  type LossyNet,
  type LossyNetOptions,
  type ManualClock,
  type TransportPair,
} from '@computepool/shared/testing'
import type { PeerId } from '@computepool/shared/wire'

export const testWallet = (number: number) => keyOfSecret(`0x${number.toString(16).padStart(64, '0')}`)
export const testPeer = (number: number): PeerId =>
  `${testWallet(number).address}.${number.toString(16).padStart(8, '0')}`

/** What the desk would have drawn for a pair. */
export const testSecret = '5e'.repeat(16)

export interface SealedPair extends TransportPair {
  readonly a: SealedTransport
  readonly b: SealedTransport
  readonly clock: ManualClock
  readonly net: LossyNet
  readonly events: readonly { readonly at: string; readonly event: LinkEvent }[]
  /** Links `a` and `b` under this epoch, with a secret of its own. */
  setBoth(epoch: number): void
  set(side: 'a' | 'b', epoch: number): void
  /** That side has no link any more, nor tells the other. */
  lose(side: 'a' | 'b'): void
  /** `a: code` for each link that closed. */
  closings(): string[]
}

export interface SealedPairOptions extends Omit<LossyNetOptions, 'clock'> {
  readonly limits?: Partial<SealedLimits>
}

const maxFrameBytes = 1 << 20

/** Not linked yet. */
export function makeSealedPair(options: SealedPairOptions = {}): SealedPair {
  const clock = createManualClock()
  const net = createLossyNet({ clock, ...options })
  const [peerA, peerB] = [testPeer(1), testPeer(2)]
  const open = (number: number): SealedTransport =>
    createSealedTransport({
      self: testPeer(number),
      key: testWallet(number),
      clock,
      entropy: createSeededRandom((options.seed ?? 1) * 1000 + number),
      limits: { maxFrameBytes, ...options.limits },
    })
  const [a, b] = [open(1), open(2)]
  const [carrierA, carrierB] = [net.carrier(peerA), net.carrier(peerB)]
  const events: { at: string; event: LinkEvent }[] = []
  const epochs = { a: 0, b: 0 }
  function set(side: 'a' | 'b', epoch: number): void {
    const secret = epoch.toString(16).padStart(2, '0').repeat(16)
    epochs[side] = epoch
    if (side === 'a') a.setRoutes({ epoch, routes: [{ peer: peerB, kind: 'axl', secret, carrier: carrierA }] })
    else b.setRoutes({ epoch, routes: [{ peer: peerA, kind: 'axl', secret, carrier: carrierB }] })
  }
  a.onLink(event => events.push({ at: 'a', event }))
  b.onLink(event => events.push({ at: 'b', event }))
  return {
    a,
    b,
    peerA,
    peerB,
    maxFrameBytes: options.limits?.maxFrameBytes ?? maxFrameBytes,
    clock,
    net,
    events,
    set,
    setBoth(epoch) {
      set('a', epoch)
      set('b', epoch)
    },
    lose(side) {
      net.part(peerA, peerB)
      ;(side === 'a' ? a : b).setRoutes({ epoch: epochs[side], routes: [] })
      net.heal(peerA, peerB)
    },
    closings: () =>
      events.flatMap(({ at, event }) => (event.type === 'link-closed' ? [`${at}: ${event.error.code}`] : [])),
    async reach(promise) {
      let isSettled = false
      const settled = promise.finally(() => {
        isSettled = true
      })
      settled.catch(() => {})
      for (let turn = 0; !isSettled && turn < 60_000; turn += 1) await clock.advance(5)
      if (!isSettled) throw new Error('Nothing happened in 300 s of manual time')
      return settled
    },
    refresh: async () => {},
    async cut() {
      net.part(peerA, peerB)
    },
    async close() {
      await Promise.all([a.close(), b.close(), clock.advance(1000)])
    },
  }
}

/** Linked, at epoch 1. */
export async function openSealedPair(options: SealedPairOptions = {}): Promise<SealedPair> {
  const pair = makeSealedPair(options)
  pair.setBoth(1)
  const isLinked = (): boolean => [pair.a, pair.b].every(side => side.links().some(link => link.isOpen))
  for (let turn = 0; !isLinked() && turn < 2000; turn += 1) await pair.clock.advance(10)
  if (!isLinked()) throw new Error('The pair did not link in 20 s of manual time')
  return pair
}

/** Of a transport whose books are empty. */
export const nothingHeld = { unackedBytes: 0, pendingBytes: 0, packets: 0 }

/** Numbers of the frames that arrive at each end. */
export function gather(pair: SealedPair) {
  const arrived = { a: [] as number[], b: [] as number[] }
  const numberOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(0, true)
  pair.a.onFrame((_, frame) => arrived.a.push(numberOf(frame)))
  pair.b.onFrame((_, frame) => arrived.b.push(numberOf(frame)))
  return arrived
}
export const inOrder = (numbers: readonly number[]): number[] => [...numbers].sort((one, other) => one - other)
