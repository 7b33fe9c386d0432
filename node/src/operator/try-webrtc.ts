/** A WebRTC connection of this process to itself, made and used: proof that the library loads and that UDP goes through. */
import { hostClock } from '@computepool/peer/host.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { PeerId } from '@computepool/shared/wire'
import { createNodeRtc } from '../links/node-rtc.ts'

const connectDeadlineMs = 10_000
const one: PeerId = `0x${'1'.repeat(40)}.00000001`
const two: PeerId = `0x${'2'.repeat(40)}.00000002`

/** Errors: `peer_unreachable` where no connection came up in 10 s. */
export async function tryWebRtc(): Promise<{ readonly rttMs: number }> {
  const limits = { connectDeadlineMs }
  const a = createNodeRtc({ self: one, clock: hostClock, limits })
  const b = createNodeRtc({ self: two, clock: hostClock, limits })
  a.onSignal((_, signal) => b.handleSignal(one, signal))
  b.onSignal((_, signal) => a.handleSignal(two, signal))
  try {
    return await new Promise((resolve, reject) => {
      a.onLink(event => {
        if (event.type === 'link-measured') resolve({ rttMs: event.rttMs })
        if (event.type !== 'link-closed') return
        const { code, message, remedy } = event.error
        reject(new ComputePoolError(code, message, { ...(remedy === undefined ? {} : { remedy }) }))
      })
      b.setPeers([{ peer: one, isInitiator: false }], 1)
      a.setPeers([{ peer: two, isInitiator: true }], 1)
    })
  } finally {
    await a.close()
    await b.close()
  }
}
