/** The paying half of the demo: a fresh key, test money, one session, and the account of it, which must add up. */
import { streamVaultAbi } from '@computepool/contracts/abi'
import { bigintAsString, type MoneyTransaction } from '@computepool/shared/money'
import type { Hex } from 'viem'
import { createPayingClient, receivedWei } from '../harness/paying-client.ts'
import { shareByLargestRemainder, whatDoesNotAddUp } from './add-up-money.ts'

/** Amounts as decimal strings. */
export interface DemoAccount {
  readonly capAtomic: string
  readonly paidAtomic: string
  readonly refundedAtomic: string
  readonly advancedWei: string
  readonly owedWei: string
  /** As peers spell themselves, in lower case; `amountAtomic` sums up to `paidAtomic`, `amountWei` is what the chain gave. */
  readonly earned: readonly { readonly operator: string; readonly amountAtomic: string; readonly amountWei: string }[]
  readonly transactions: readonly Pick<MoneyTransaction, 'kind' | 'hash' | 'blockNumber'>[]
}

const capAtomic = 100_000n

/** On a chain that nobody has used before. Errors: what a request raised, and a sentence where the sums do not come out. */
export async function payForDemo<T>(
  url: string,
  ask: (token: string) => Promise<T>,
  say: (line: string) => void,
): Promise<{ readonly reply: T; readonly account: DemoAccount }> {
  const payer = await createPayingClient(url)
  await payer.askFaucet()
  const startAtomic = await payer.usdcAtomic()
  const session = await payer.openSession(capAtomic)
  say(`${payer.address} opened a session with a cap of ${capAtomic} atomic units.`)
  const reply = await ask(session.token)
  const { paidAtomic, refundedAtomic, transactions } = await session.close()

  const { chain, terms } = payer
  const vault = { address: terms.vault as Hex, abi: streamVaultAbi } as const
  // Nothing streams any more: every block from here on says the same.
  const [[operators], prepaidWei, netOwedWei, ownAtomic] = await Promise.all([
    chain.readContract({ ...vault, functionName: 'members' }),
    chain.readContract({ ...vault, functionName: 'prepaidWei' }),
    chain.readContract({ ...vault, functionName: 'owedWei' }),
    payer.usdcAtomic(),
  ])
  const earnedWei = await Promise.all(operators.map(operator => receivedWei(payer, operator)))
  const owedWei = netOwedWei > 0n ? netOwedWei : 0n
  const figures = { capAtomic, paidAtomic, refundedAtomic, earnedWei, advancedWei: prepaidWei, owedWei }
  const trouble = whatDoesNotAddUp(figures)
  if (trouble !== null) throw new Error(`The money does not add up. ${trouble}`)
  if (ownAtomic !== startAtomic - paidAtomic) {
    throw new Error(`The payer had ${startAtomic}, paid ${paidAtomic}, and holds ${ownAtomic} atomic units.`)
  }
  say(`Paid ${paidAtomic}, refunded ${refundedAtomic} atomic units.`)
  const shares = shareByLargestRemainder(paidAtomic, earnedWei)
  const earned = operators
    .map((operator, at) => ({ operator: operator.toLowerCase(), amountAtomic: shares[at]!, amountWei: earnedWei[at]! }))
    .sort((a, b) => (a.operator < b.operator ? -1 : 1))
  const told = transactions.map(({ kind, hash, blockNumber }) => ({ kind, hash, blockNumber }))
  const account = {
    capAtomic,
    paidAtomic,
    refundedAtomic,
    advancedWei: prepaidWei,
    owedWei,
    earned,
    transactions: told,
  }
  return { reply, account: JSON.parse(JSON.stringify(account, bigintAsString)) as DemoAccount }
}
