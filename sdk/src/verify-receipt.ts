/**
 * Holds a receipt against the chain: what the vault has of the session, and what the two transactions moved. It believes the RPC that it reads
 * by; the pool's own is the default, one of your own the better. It cannot see how long a request ran: that is the pool's meter's word.
 */
import { streamVaultAbi, vaultSessionStates } from '@computepool/contracts/abi'
import { createPublicClient, type Hex, http, type Log, type PublicClient, parseAbi, parseEventLogs } from 'viem'
import { formatUsdc } from './amounts.ts'
import { PoolError } from './pool-error.ts'
import type { PaidPoolTerms, PoolTerms } from './pool-terms.ts'
import type { Receipt } from './session-view.ts'
import type { Check, ReceiptVerdict } from './verdict.ts'

export interface ReceiptOptions {
  /** Reads the chain. Default: by `rpcUrl`. */
  readonly client?: PublicClient
  /** Default: the one that the pool names. */
  readonly rpcUrl?: string
  /** How long to wait for the RPC to know the two transactions. Default: 30 s. */
  readonly timeoutMs?: number
}

const transferAbi = parseAbi(['event Transfer(address indexed from, address indexed to, uint256 value)'])

/** `pool`: where the receipt is from. A refusal is a value. Errors: `chain`, where it cannot be read. */
export async function verifyReceipt(
  receipt: Receipt,
  { terms }: { readonly terms: PoolTerms },
  options: ReceiptOptions = {},
): Promise<ReceiptVerdict> {
  const { sessionId } = receipt
  if (terms.mode === 'free' || sessionId === null) {
    const ok = terms.mode === 'free' && sessionId === null
    const detail = ok ? 'work is free here, and no money moved' : 'the receipt is of another kind of pool'
    return { subject: 'receipt', verified: ok, onChain: null, checks: [{ name: 'session', ok, detail }] }
  }
  const client = options.client ?? createPublicClient({ transport: http(options.rpcUrl ?? terms.chain.rpcUrl) })
  try {
    return await judge({ receipt, sessionId, terms, client, timeoutMs: options.timeoutMs ?? 30_000 })
  } catch (cause) {
    throw new PoolError({
      kind: 'chain',
      code: 'sdk_chain_unreadable',
      message: `The chain could not be read: ${cause instanceof Error ? cause.message.split('\n')[0]?.slice(0, 200) : ''}`,
      cause,
    })
  }
}

interface Case {
  readonly receipt: Receipt
  readonly sessionId: Hex
  readonly terms: PaidPoolTerms
  readonly client: PublicClient
  readonly timeoutMs: number
}

async function judge(of: Case): Promise<ReceiptVerdict> {
  const { receipt, sessionId, terms, client } = of
  const vault = { address: terms.vault, abi: streamVaultAbi } as const
  const [chainId, usdc, session] = await Promise.all([
    client.getChainId(),
    client.readContract({ ...vault, functionName: 'usdc' }),
    client.readContract({ ...vault, functionName: 'session', args: [sessionId] }),
  ])
  const state = vaultSessionStates[session.state] ?? 'unknown'
  const { capAtomic, dueAtomic: paidAtomic, refundedAtomic } = session
  const checks = [
    equal('chain', terms.chain.id, chainId),
    equal('usdc', terms.usdc, usdc.toLowerCase()),
    equal('closed', 'closed', state),
    equal('payer', receipt.payer, session.payer.toLowerCase()),
    amount('cap', receipt.capAtomic, capAtomic),
    amount('paid', receipt.paidAtomic, paidAtomic),
    amount('refunded', receipt.refundedAtomic, refundedAtomic),
    amount('sum', paidAtomic + refundedAtomic, capAtomic),
    equal('price', receipt.pricePerSecondAtomic, session.pricePerSecondAtomic),
    ...meterChecks(receipt, paidAtomic),
    ...(await movedChecks(of, { capAtomic, refundedAtomic })),
  ]
  return {
    subject: 'receipt',
    verified: checks.every(check => check.ok),
    onChain: state === 'unknown' ? null : { capAtomic, paidAtomic, refundedAtomic },
    checks,
  }
}

/** The receipt agrees with itself: no request above price × time (rounded down), and together they are what was paid. */
function meterChecks({ requests, pricePerSecondAtomic }: Receipt, paidAtomic: bigint): Check[] {
  const dear = requests.find(
    ({ costAtomic, meteredMs }) => costAtomic > (pricePerSecondAtomic * BigInt(meteredMs)) / 1000n,
  )
  const together = requests.reduce((sum, { costAtomic }) => sum + costAtomic, 0n)
  const detail = dear === undefined ? 'each at most price × time' : `${dear.requestId} costs more than price × time`
  return [{ name: 'requests', ok: dear === undefined, detail }, amount('metered', together, paidAtomic)]
}

/** What the token itself says was moved: the cap in, when the session opened, and the rest back, when it closed. */
async function movedChecks(
  { receipt, sessionId, terms, client, timeoutMs }: Case,
  { capAtomic, refundedAtomic }: { readonly capAtomic: bigint; readonly refundedAtomic: bigint },
): Promise<Check[]> {
  const logsOf = async (hash: Hex | null): Promise<readonly Log[]> => {
    if (hash === null) return []
    const { logs, status } = await client.waitForTransactionReceipt({ hash, timeout: timeoutMs })
    return status === 'success' ? logs : []
  }
  const [opening, closing] = await Promise.all([logsOf(receipt.openTransaction), logsOf(receipt.closeTransaction)])
  const fromVault = (logs: readonly Log[]) =>
    parseEventLogs({
      abi: streamVaultAbi,
      logs: logs.filter(isOf(terms.vault)),
      eventName: ['SessionOpened', 'SessionClosed'],
    })
  const transfers = (logs: readonly Log[]) =>
    parseEventLogs({ abi: transferAbi, logs: logs.filter(isOf(terms.usdc)), eventName: 'Transfer' }).map(
      ({ args }) => args,
    )
  const payer = receipt.payer ?? ''
  const opened = fromVault(opening).find(log => log.eventName === 'SessionOpened' && log.args.id === sessionId)
  const closed = fromVault(closing).find(log => log.eventName === 'SessionClosed' && log.args.id === sessionId)
  const isAdopted = opened?.eventName === 'SessionOpened' && opened.args.adopted
  const drawn = transfers(opening).some(
    ({ from, to, value }) => isSame(from, payer) && isSame(to, terms.vault) && value === capAtomic,
  )
  const returned =
    refundedAtomic === 0n || transfers(closing).some(({ to, value }) => isSame(to, payer) && value === refundedAtomic)
  const check = (name: string, ok: boolean, good: string, bad: string): Check => ({ name, ok, detail: ok ? good : bad })
  const voucher = isAdopted
    ? 'its USDC had arrived before'
    : `${formatUsdc(capAtomic)} USDC from the payer to the vault`
  return [
    check(
      'voucher',
      opened !== undefined && (isAdopted || drawn),
      voucher,
      `not in transaction ${receipt.openTransaction}`,
    ),
    check(
      'refund',
      closed !== undefined && returned,
      `${formatUsdc(refundedAtomic)} USDC back to the payer`,
      `not in transaction ${receipt.closeTransaction}`,
    ),
  ]
}

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
const isOf =
  (address: Hex) =>
  (log: Log): boolean =>
    isSame(log.address, address)

function equal(name: string, told: unknown, is: unknown): Check {
  return { name, ok: told === is, detail: told === is ? String(is) : `${is} on the chain, ${told} in the receipt` }
}

function amount(name: string, told: bigint, is: bigint): Check {
  const [a, b] = [formatUsdc(told), formatUsdc(is)]
  return { name, ok: told === is, detail: told === is ? `${b} USDC` : `${b} USDC on the chain, not ${a}` }
}
