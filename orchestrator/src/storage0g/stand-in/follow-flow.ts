/** Reads what was submitted to a flow contract since it was last asked. It knows no file's bytes. */
import { storageFlowAbi } from '@computepool/contracts/abi'
import { type Address, concatHex, type Hex, keccak256, type PublicClient, parseEventLogs } from 'viem'
import type { Submission } from './stand-in-files.ts'

export interface FlowFollower {
  /** Hands over each submission once, in their order; asked by two at once, it reads once. Errors: the client's. */
  sync(): Promise<void>
  /** The last block that was read. */
  block(): bigint
}

export function followFlow(
  client: PublicClient,
  flow: Address,
  onSubmission: (submission: Submission) => Promise<void>,
): FlowFollower {
  let next = 0n
  let running: Promise<void> | undefined

  async function read(): Promise<void> {
    const latest = await client.getBlockNumber({ cacheTime: 0 })
    if (latest < next) return
    const logs = await client.getLogs({ address: flow, fromBlock: next, toBlock: latest })
    for (const { args } of parseEventLogs({ abi: storageFlowAbi, logs, eventName: 'Submit' })) {
      const { length, nodes } = args.submission
      await onSubmission({
        seq: Number(args.submissionIndex),
        root: nodes.map(({ root }) => root).reduceRight((right, left) => keccak256(concatHex([left, right])) as Hex),
        sizeBytes: Number(length),
        startEntry: Number(args.startPos),
        nodes,
      })
    }
    next = latest + 1n
  }

  return {
    sync() {
      running ??= read().finally(() => {
        running = undefined
      })
      return running
    },
    block: () => (next === 0n ? 0n : next - 1n),
  }
}
