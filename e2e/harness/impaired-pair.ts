/** Two headless peers of this process with an emulated distance between them. For tests and benches. */
import { createNodeRtc, type NodeRtc } from '@computepool/node/links/node-rtc.ts'
import { hostClock } from '@computepool/peer/host.ts'
import type { TransportLimits } from '@computepool/peer/links/index.ts'
import type { PeerId } from '@computepool/shared/wire'
import { type ImpairedNetwork, openImpairedNetwork } from './impaired-network.ts'
import type { Impairment } from './impaired-way.ts'

export const peerA: PeerId = `0x${'a'.repeat(40)}.00000001`
export const peerB: PeerId = `0x${'b'.repeat(40)}.00000002`

export interface ImpairedPair {
  readonly network: ImpairedNetwork
  readonly a: NodeRtc
  readonly b: NodeRtc
  close(): Promise<void>
}

/** Resolves when both ends are open. */
export async function openImpairedPair(options: {
  readonly seed: number
  readonly impairment?: Partial<Impairment>
  readonly limits?: Partial<TransportLimits>
}): Promise<ImpairedPair> {
  const network = openImpairedNetwork(options)
  const { limits = {} } = options
  const a = createNodeRtc({ self: peerA, clock: hostClock, limits })
  const b = createNodeRtc({ self: peerB, clock: hostClock, limits })
  a.onSignal((_, signal) => network.carry(peerA, peerB, signal, carried => b.handleSignal(peerA, carried)))
  b.onSignal((_, signal) => network.carry(peerB, peerA, signal, carried => a.handleSignal(peerB, carried)))
  const close = async (): Promise<void> => {
    await Promise.all([a.close(), b.close()])
    await network.close()
  }
  const opened = [a, b].map(
    end =>
      new Promise<void>((resolve, reject) =>
        end.onLink(event => {
          if (event.type === 'link-opened') resolve()
          else if (event.type === 'link-closed') reject(new Error(event.error.message))
        }),
      ),
  )
  a.setPeers([{ peer: peerB, isInitiator: true }], 1)
  b.setPeers([{ peer: peerA, isInitiator: false }], 1)
  try {
    await Promise.all(opened)
    return { network, a, b, close }
  } catch (error) {
    await close()
    throw error
  }
}
