/** Fifty sessions of ten payers over one coalition at once, opened, streamed past a renewal, closed; then every unit is looked for. */
import { streamVaultAbi } from '@computepool/contracts/abi'
import { atomicToWei, type Receipt } from '@computepool/shared/money'
import type { Hex } from 'viem'
import type { ObedientRing } from '../harness/obedient-ring.ts'
import { createPayingClient, type PayingClient, receivedWei } from '../harness/paying-client.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import { startStreaming } from './money-streams.ts'

const payerCount = 10
const sessionsEach = 5
const capAtomic = 200_000n

export async function measureCoalition(
  url: string,
  ring: ObedientRing,
): Promise<{ readonly rows: readonly BenchRow[]; readonly receipts: readonly Receipt[] }> {
  const payers: PayingClient[] = []
  for (let count = 0; count < payerCount; count++) {
    const payer = await createPayingClient(url)
    await payer.askFaucet()
    payers.push(payer)
  }
  const before = await books(payers, ring.operators)

  const seconds = stopwatch()
  const sessions = await Promise.all(
    payers.flatMap(payer => Array.from({ length: sessionsEach }, () => payer.openSession(capAtomic))),
  )
  const openSeconds = seconds()
  ring.hold()
  const answers = await Promise.all(sessions.map(startStreaming))
  const streamSeconds = seconds()
  const renewedUntil = Math.max(...(await Promise.all(sessions.map(s => s.follow(() => true)))).map(leaseOf))
  // Each lease is renewed once before the answers end.
  await Promise.all(sessions.map(session => session.follow(view => leaseOf(view) > renewedUntil)))
  const renewSeconds = seconds()
  const ended = ring.release()
  if (ended !== sessions.length) throw new Error(`${ended} of ${sessions.length} answers were under way at once.`)
  await Promise.all(answers.map(({ text }) => text))
  const receipts = await Promise.all(sessions.map(session => session.close()))
  const closeSeconds = seconds()

  const after = await books(payers, ring.operators)
  const total = (of: (receipt: Receipt) => bigint): bigint => receipts.reduce((sum, receipt) => sum + of(receipt), 0n)
  const paidAtomic = total(receipt => receipt.paidAtomic)
  const capsAtomic = capAtomic * BigInt(sessions.length)
  const unaccountedAtomic = capsAtomic - paidAtomic - total(receipt => receipt.refundedAtomic)
  const walletsAtomic = before.payersAtomic - after.payersAtomic - paidAtomic
  // What operators got is what was paid, and what the reserve advanced or still owes them.
  const earnedWei = after.earnedWei - before.earnedWei
  const operatorsWei = earnedWei - atomicToWei(paidAtomic) + (after.owedWei - before.owedWei)
  const costs = total(({ requests }) => requests.reduce((sum, { costAtomic }) => sum + costAtomic, 0n))
  const exact = { atMost: 0 }
  const off = (amount: bigint): number[] => [Number(amount < 0n ? -amount : amount)]
  const rows = [
    benchRow('50 sessions: all open', 's', [openSeconds]),
    benchRow('50 sessions: all streaming', 's', [streamSeconds - openSeconds]),
    benchRow('50 sessions: every lease renewed', 's', [renewSeconds - streamSeconds]),
    benchRow('50 sessions: all closed and refunded', 's', [closeSeconds - renewSeconds]),
    benchRow('50 sessions: paid, in all', 'atomic', [Number(paidAtomic)]),
    benchRow('50 sessions: caps less paid less refunded', 'atomic', off(unaccountedAtomic), exact),
    benchRow('50 sessions: wallets’ loss less paid', 'atomic', off(walletsAtomic), exact),
    benchRow('50 sessions: paid less metered', 'atomic', off(paidAtomic - costs), exact),
    benchRow('50 sessions: earned less paid, less the reserve’s part', 'wei', off(operatorsWei), exact),
    benchRow('50 sessions: streamed a moment too long, of the reserve', 'atomic', [
      Number(before.owedWei - after.owedWei) / 1e12,
    ]),
  ]
  return { rows, receipts }
}

const leaseOf = ({ leaseUntil }: { readonly leaseUntil: number | null }): number => leaseUntil ?? 0

interface Books {
  readonly payersAtomic: bigint
  readonly earnedWei: bigint
  /** Below zero: operators have it in advance. */
  readonly owedWei: bigint
}

async function books(payers: readonly PayingClient[], operators: readonly string[]): Promise<Books> {
  const { chain, terms } = payers[0]!
  const [held, earned, owedWei] = await Promise.all([
    Promise.all(payers.map(payer => payer.usdcAtomic())),
    Promise.all(operators.map(operator => receivedWei(payers[0]!, operator))),
    chain.readContract({ address: terms.vault as Hex, abi: streamVaultAbi, functionName: 'owedWei' }),
  ])
  const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)
  return { payersAtomic: sum(held), earnedWei: sum(earned), owedWei }
}

/** Seconds since it was made. */
function stopwatch(): () => number {
  const startedMs = performance.now()
  return () => (performance.now() - startedMs) / 1000
}
