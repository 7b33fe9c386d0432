/** A loaded slice at its seat of a ring: runs the pipeline and tells what it does. It knows neither how the slice came here nor other assignments. */
import { activationElementBytes } from '@computepool/shared/engine'
import type { Manifest } from '@computepool/shared/model'
import {
  type FrameKeeper,
  type Pipeline,
  requestsWithinBudget,
  ringPlace,
  runPipeline,
} from '@computepool/shared/pipeline'
import type { Engine } from '@computepool/shared/ports'
import type { ReceiptSigner } from '@computepool/shared/receipts'
import type { DeskRequest } from '@computepool/shared/wire'
import type { Assignment, PeerPowers, PeerTransport } from './peer-powers.ts'
import type { HopFacts, PeerSnapshot } from './peer-snapshot.ts'
import { createRateMeter } from './rate-meter.ts'
import type { SnapshotBox } from './snapshot-box.ts'

export interface SeatHost {
  readonly powers: PeerPowers
  readonly self: string
  readonly manifest: Manifest
  readonly transport: PeerTransport
  readonly box: SnapshotBox
  readonly send: (request: DeskRequest) => void
  readonly signer: Pick<ReceiptSigner, 'sign'>
  readonly keeper: FrameKeeper
}

export interface ServedSeat extends Pick<Pipeline, 'submit' | 'cancel' | 'close'> {
  /** True where the links that the ring needs of this seat are open. */
  isLinked(links: readonly HopFacts[]): boolean
  /** Of the work since the last call. */
  figures(): Pick<PeerSnapshot, 'requests' | 'tokensServed' | 'tokensPerSecond' | 'computeMs' | 'hopMs'>
}

export function serveSeat(
  { powers, self, manifest, transport, box, send, signer, keeper }: SeatHost,
  assignment: Assignment,
  engine: Engine,
): ServedSeat {
  const { clock } = powers
  const { epoch, coalition, seat, seats, maxContext, kvBudgetBytes } = assignment
  const { dimensions } = manifest
  const { layers } = seats[seat]!
  const place = ringPlace(assignment)
  const rate = createRateMeter()
  const servedBefore = box.get().tokensServed
  const elementBytes = activationElementBytes(engine.facts.activationDtype)
  const maxRequests = requestsWithinBudget({ layers, dimensions, maxContext, kvBudgetBytes, elementBytes })
  const pipeline = runPipeline({
    seat: { epoch, coalition, seat, seats, hidden: dimensions.hidden, maxContext, maxRequests },
    engine,
    transport,
    clock,
    report: send,
    giveReceipt: receipt => send({ type: 'request-receipted', ...signer.sign(receipt) }),
    ...(powers.digest === undefined ? {} : { digest: powers.digest }),
    breathe: powers.breathe,
    keeper,
    dropPeer: (peer, error) => {
      transport.dropPeer(peer)
      box.set({ error })
    },
  })
  return {
    submit: pipeline.submit,
    cancel: pipeline.cancel,
    close: pipeline.close,
    isLinked(links) {
      const needed = [place.previous ?? place.exit, place.next ?? place.entry].filter(peer => peer !== self)
      return needed.every(peer => links.some(link => link.peer === peer && link.isOpen))
    },
    figures() {
      const stats = pipeline.stats()
      const tokensServed = servedBefore + stats.tokensServed
      const onward = transport.links().find(link => link.peer === (place.next ?? place.entry))
      rate.count(clock.monotonicMs(), tokensServed)
      return {
        requests: stats.requests,
        tokensServed,
        tokensPerSecond: rate.perSecond(),
        computeMs: stats.stepMs,
        // Only the entry measures a lap; half a round trip is what the others know.
        hopMs: stats.hopMs ?? (onward?.rttMs == null ? null : onward.rttMs / 2),
      }
    },
  }
}
