/**
 * A ring of seats in this very process, over a loopback without delay: pipelines, chains, kept frames and signatures as a peer runs them, and
 * nothing else of a pool. It knows neither a desk nor who judges the receipts.
 */
import { ed25519, sha256 } from '@computepool/node/crypto/host-crypto.ts'
import { createKeptFrames } from '@computepool/peer/runtime/kept-frames.ts'
import type { Manifest } from '@computepool/shared/model'
import { greedy, runPipeline } from '@computepool/shared/pipeline'
import type { Clock, Engine } from '@computepool/shared/ports'
import { createReceiptSigner, type Digest, type Receipt, verifyReceipts } from '@computepool/shared/receipts'
import { createLoopbackNetwork, fakePeer } from '@computepool/shared/testing'

export interface Question {
  readonly requestId: string
  readonly promptTokens: readonly number[]
  readonly maxTokens: number
}

export interface Asked {
  readonly tokens: readonly number[]
  /** By seat, signed; none where the ring keeps none. */
  readonly receipts: readonly Receipt[]
  /** As the desk looks at them. Throws where they do not meet. */
  verify(): void
}

export interface TrustRing {
  /** One greedy answer, without guesses, until its last token was told and its last receipt signed. Rejects where the ring fails it. */
  ask(question: Question): Promise<Asked>
  /** Spent in hashing what the chains hold and in signing, since the ring was opened. */
  readonly receiptMs: () => number
  close(): Promise<void>
}

const coalition = 'bench'
const nonce = '5c'.repeat(32)

/**
 * The host's, but that no delay is none: a timer of Node's takes a millisecond at least. And no time passes between two steps, so that the
 * entry learns nothing of what steps take: a prompt comes in chunks of the engine's most, whatever else the machine does.
 */
const clock: Clock = {
  monotonicMs: () => 0,
  wallMs: () => Date.now(),
  schedule(delayMs, task) {
    if (delayMs > 0) {
      const timer = setTimeout(task, delayMs)
      return () => clearTimeout(timer)
    }
    const turn = setImmediate(task)
    return () => clearImmediate(turn)
  },
}
const breathe = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** `engines` by seat; they stay open when the ring closes, and two rings may take turns on them. */
export function openTrustRing(input: {
  readonly engines: readonly Engine[]
  readonly manifest: Manifest
  readonly hasReceipts: boolean
}): TrustRing {
  const { engines, manifest, hasReceipts } = input
  const { hidden, context } = manifest.dimensions
  let receiptMs = 0
  const timed = <T>(work: () => T): T => {
    const before = performance.now()
    try {
      return work()
    } finally {
      receiptMs += performance.now() - before
    }
  }
  const digest: Digest = bytes => timed(() => sha256(bytes))
  const peers = engines.map((_, seat) => fakePeer(seat))
  const seats = engines.map(({ layers }, seat) => ({ seat, peer: peers[seat]!, layers }))
  const signers = engines.map((_, seat) => createReceiptSigner(new Uint8Array(32).fill(seat + 1), ed25519))
  const network = createLoopbackNetwork({ clock, delayMs: 0 })
  let tokens: number[] = []
  let receipts: Receipt[] = []
  let isFinished = false
  let settle: { resolve(): void; reject(error: Error): void } | null = null
  const look = (): void => {
    if (isFinished && receipts.length === (hasReceipts ? seats.length : 0)) settle?.resolve()
  }
  const pipelines = engines.map((engine, seat) =>
    runPipeline({
      seat: { epoch: 1, seat, seats, hidden, maxContext: context, maxRequests: 4, ...(hasReceipts && { coalition }) },
      engine,
      transport: network.transport(peers[seat]!),
      clock,
      report(message) {
        if (message.type === 'token-generated') tokens.push(message.sampled.token)
        if (message.type === 'request-failed') settle?.reject(new Error(message.error.message))
        if (message.type === 'request-finished') isFinished = true
        look()
      },
      giveReceipt(receipt) {
        receipts.push(timed(() => signers[seat]!.sign(receipt)))
        look()
      },
      digest,
      breathe,
      keeper: createKeptFrames({ digest, breathe }),
    }),
  )
  network.connectAll(peers)

  return {
    async ask({ requestId, promptTokens, maxTokens }) {
      tokens = []
      receipts = []
      isFinished = false
      const done = new Promise<void>((resolve, reject) => {
        settle = { resolve, reject }
      })
      const job = {
        requestId,
        promptTokens: [...promptTokens],
        maxTokens,
        stopTokens: [],
        sampling: greedy,
        speculate: false,
      }
      pipelines[0]!.submit({ ...job, ...(hasReceipts && { nonce }) })
      await done
      const [heardTokens, signed] = [tokens, receipts.sort((one, other) => one.seat - other.seat)]
      return {
        tokens: heardTokens,
        receipts: signed,
        verify() {
          const { verdict } = verifyReceipts({
            ...{ coalition, epoch: 1, requestId, nonce, receipts: signed, reusedPositions: 0, isComplete: true },
            seats: seats.map((seat, i) => ({ ...seat, key: signers[i]!.key, isExempt: false })),
            ...{ sentTokens: promptTokens, heardTokens },
          })
          if (verdict !== 'whole') throw new Error(`The receipts of ${requestId} are ${verdict}.`)
        },
      }
    },
    receiptMs: () => receiptMs,
    async close() {
      for (const pipeline of pipelines) await pipeline.close()
    },
  }
}
