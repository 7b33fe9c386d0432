/** Pushes real messages out of a daemon's queue while an answer runs: strangers fill it behind one that waits. It knows no peers. */
import type { AxlStandIn, AxlStandInDaemon } from '../../node/testing/axl-stand-in.ts'

const turn = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 1))

/** No parcel begins so. */
const foreignByte = 0x7e

export interface CrowdOptions {
  readonly overlay: AxlStandIn
  /** Whose queue. */
  readonly daemon: AxlStandInDaemon
  /** The queue's length. */
  readonly messages: number
  readonly times: number
  /** Nothing more comes: there is nothing to push out. */
  readonly isOver: () => boolean
}

/** How many times the oldest message in the full queue was none of the strangers'. */
export async function crowdQueue({ overlay, daemon, messages, times, isOver }: CrowdOptions): Promise<number> {
  const stranger = await overlay.startDaemon()
  const post = async (): Promise<void> => {
    const headers = { 'X-Destination-Peer-Id': daemon.key }
    const body = new Uint8Array([foreignByte])
    const { status } = await fetch(`${stranger.url}/send`, { method: 'POST', headers, body })
    if (status !== 200) throw new Error(`A stranger's /send answered ${status}.`)
  }
  let crowded = 0
  while (crowded < times && !isOver()) {
    const handedOut = daemon.counts.handedOut
    const release = daemon.stall()
    // The look that was under way may still take one; whatever comes after it waits, and is no stranger's.
    while (daemon.queueLength === 0 && !isOver()) await turn()
    if (daemon.queueLength > 0) {
      for (let sent = 0; sent < messages; sent += 1) await post()
      crowded += 1
    }
    release()
    // The ring goes on for a while before the next time.
    while (daemon.counts.handedOut < handedOut + 3 * messages && !isOver()) await turn()
  }
  await stranger.stop()
  return crowded
}
