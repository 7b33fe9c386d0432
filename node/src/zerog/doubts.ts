/** Payouts in doubt, as `computepool zerog doubts` and `resolve` tell them. It asks nothing of a chain: the pool does. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type DoubtClaim, doubtClaimSchema, type ZerogDoubt, type ZerogDoubts } from '@computepool/shared/zerog-compute'
import { formatEther } from 'viem'

export interface ClaimValues {
  readonly sent?: string | undefined
  readonly 'not-sent': boolean
}

/** Errors: `input_invalid`. */
export function readClaim(idText: string | undefined, values: ClaimValues): { nonce: number; claim: DoubtClaim } {
  const { sent: hash, 'not-sent': isNotSent } = values
  if (idText === undefined || !/^\d{1,15}$/.test(idText))
    throw usage('resolve takes the pool’s address and a doubt’s ID.')
  if ((hash === undefined) !== isNotSent) throw usage('resolve takes either --sent HASH or --not-sent.')
  const claim = doubtClaimSchema.safeParse(hash === undefined ? { did: 'not-sent' } : { did: 'sent', hash })
  if (!claim.success) throw usage(`--sent is "${hash}", and a transaction’s hash is 0x and 64 hexadecimal digits.`)
  return { nonce: Number(idText), claim: claim.data }
}

export function doubtLines({ doubts, unlistedNeuron }: ZerogDoubts): string[] {
  const older = `${formatEther(BigInt(unlistedNeuron))} 0G are in doubt since before doubts were listed: no ID is known of them.`
  const lines = [...doubts.flatMap(doubtLine), ...(unlistedNeuron === '0' ? [] : [older])]
  return lines.length === 0 ? ['No payout is in doubt.'] : lines
}

export function doubtLine({ nonce, wallet, amountNeuron, atMs, hashes, resolution }: ZerogDoubt): string[] {
  const head = `${nonce}  ${wallet}  ${formatEther(BigInt(amountNeuron))} 0G of ${new Date(atMs).toISOString()}`
  if (resolution === null) return [`${head}  IN DOUBT`, ...hashes.map(hash => `    may be ${hash}`)]
  const { did, hash } = resolution
  if (did === 'sent') return [`${head}  paid by ${hash}`]
  const why = hash === null ? 'by your word alone: no node shows what took its nonce' : `its nonce was used by ${hash}`
  return [`${head}  not sent, owed again (${why})`]
}

const usage = (message: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'computepool zerog --help tells how it is used.' })
