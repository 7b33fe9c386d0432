/** What a wallet throws, as a typed error: its owner said no, or it could not. Pure; it reads EIP-1193 codes, not a wallet's wording. */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'

const userRejected = 4001

export function walletError(thrown: unknown, asked: string): ComputePoolError {
  if (thrown instanceof ComputePoolError) return thrown
  if (causes(thrown).some(cause => cause.code === userRejected || cause.name === 'UserRejectedRequestError')) {
    return new ComputePoolError('payment_signature_declined', `The wallet’s owner declined ${asked}.`, {
      remedy: 'Nothing was paid or sent. Try again and confirm in the wallet, or choose another wallet.',
    })
  }
  const [first] = causes(thrown)
  const words = first?.shortMessage ?? first?.message ?? 'no reason given'
  return new ComputePoolError('payment_wallet_failed', `The wallet could not do ${asked}: ${words.slice(0, 200)}`, {
    remedy: 'Open the wallet, see whether it waits for something, then try again.',
    cause: asComputePoolError(thrown),
  })
}

interface ThrownFacts {
  readonly code?: unknown
  readonly name?: string
  readonly message?: string
  readonly shortMessage?: string
}

/** The error and what caused it, outermost first; wallets wrap each other's errors. */
function causes(thrown: unknown): ThrownFacts[] {
  const found: ThrownFacts[] = []
  for (let at: unknown = thrown; typeof at === 'object' && at !== null && found.length < 8; ) {
    found.push(at as ThrownFacts)
    at = 'cause' in at ? at.cause : null
  }
  return found
}
