/** One session's life on the chain: how late its stream stops after the text did, what each command costs in gas. */
import { streamVaultAbi } from '@computepool/contracts/abi'
import type { Receipt } from '@computepool/shared/money'
import { type Hex, parseEventLogs } from 'viem'
import type { ObedientRing } from '../harness/obedient-ring.ts'
import type { PaidSession, PayingClient } from '../harness/paying-client.ts'
import { type BenchRow, benchRow } from './bench-report.ts'

const stops = 10
const capAtomic = 100_000n

/** Begins an answer that goes on until the ring releases it; resolves when its stream is on the chain. */
export async function startStreaming(session: PaidSession): Promise<{ readonly text: Promise<string> }> {
  const question = { model: 'random', messages: [{ role: 'user', content: 'Hi' }] }
  const text = session.ask(question).then(async reply => {
    if (!reply.ok) throw new Error(`The request was refused (${reply.status}): ${await reply.text()}`)
    return reply.text()
  })
  await Promise.race([session.follow(({ rateWei }) => rateWei > 0n), text])
  return { text }
}

/** Delays between text and chain, at blocks of one second. */
export async function measureStops(
  payer: PayingClient,
  ring: ObedientRing,
): Promise<{ readonly rows: readonly BenchRow[]; readonly receipts: readonly Receipt[] }> {
  const receipts: Receipt[] = []
  const startBlocks: number[] = []
  const stopBlocks: number[] = []
  const closeSeconds: number[] = []
  const block = async (): Promise<number> => Number(await payer.chain.getBlockNumber())
  for (let round = 0; round < stops; round++) {
    const session = await payer.openSession(capAtomic)
    ring.hold()
    const askedAt = await block()
    const { text } = await startStreaming(session)
    const endedAt = await block()
    ring.release()
    await text
    await session.follow(({ rateWei, runningRequests }) => rateWei === 0n && runningRequests === 0)
    const startedMs = performance.now()
    const receipt = await session.close()
    const { transactions } = receipt
    receipts.push(receipt)
    closeSeconds.push((performance.now() - startedMs) / 1000)
    const sets = transactions.filter(({ kind }) => kind === 'set').map(({ blockNumber }) => blockNumber!)
    startBlocks.push(Math.min(...sets) - askedAt)
    stopBlocks.push(Math.max(...sets) - endedAt)
  }
  const rows = [
    benchRow('stream starts on chain after the question', 'blocks', startBlocks),
    benchRow('stream stops on chain after the end of text', 'blocks', stopBlocks, { atMost: 2 }),
    benchRow('a session’s end, until refunded', 's', closeSeconds),
  ]
  return { rows, receipts }
}

/** Gas by command, from the transactions of receipts. */
export async function gasOf({ chain, terms }: PayingClient, receipts: readonly Receipt[]): Promise<BenchRow[]> {
  const gas = new Map<string, number[]>(
    ['open', 'start', 'renew', 'stop', 'close', 'stop and close in one'].map(name => [name, []]),
  )
  for (const { transactions } of receipts) {
    let rateWei = 0n
    for (const { hash } of transactions) {
      const receipt = await chain.getTransactionReceipt({ hash: hash as Hex })
      const events = parseEventLogs({ abi: streamVaultAbi, logs: receipt.logs }).filter(
        ({ address }) => address.toLowerCase() === terms.vault.toLowerCase(),
      )
      for (const event of events) {
        let name: string | null = null
        if (event.eventName === 'SessionOpened') name = 'open'
        if (event.eventName === 'SessionClosed') name = rateWei > 0n ? 'stop and close in one' : 'close'
        if (event.eventName === 'StreamSet') {
          const { rateWei: next } = event.args
          if (rateWei === 0n && next > 0n) name = 'start'
          else if (rateWei > 0n && next === 0n) name = 'stop'
          else if (rateWei === next && next > 0n) name = 'renew'
          rateWei = next
        }
        if (name !== null) gas.get(name)!.push(Number(receipt.gasUsed))
      }
    }
  }
  return [...gas]
    .filter(([, used]) => used.length > 0)
    .map(([name, used]) => benchRow(`gas, ${name} (${used.length} transactions)`, 'gas', used))
}
