/**
 * The one error of this package. `kind` says who has to do what, in few words that stay; `code` is the pool's own, where it named one. The
 * remedy says what to do next. It carries no token, key or signature.
 */

/** What went wrong, by what can be done about it. */
export type PoolErrorKind =
  /** Nothing answered, or nothing that is a ComputePool. */
  | 'unreachable'
  /** 402 and its kin: no money, another price, a voucher that was refused, a wallet that declined. */
  | 'payment'
  /** The session's cap is used up. */
  | 'cap_spent'
  /** The session is closed, expired, or not known here. */
  | 'session_over'
  /** The pool does not know you: no session token of its, or a private pool that nobody let you into. */
  | 'not_allowed'
  /** Nobody holds all layers now. */
  | 'ring_gone'
  /** Too many ask, or too often. */
  | 'busy'
  /** The answer began and did not end. */
  | 'answer_cut'
  /** An answer is not what the attested signer signed. */
  | 'signature_wrong'
  /** What should vouch for the pool does not. */
  | 'attestation_wrong'
  /** The chain says otherwise than the receipt. */
  | 'receipt_wrong'
  /** The chain, or the pool's way to it. */
  | 'chain'
  /** The pool met a fault of its own. */
  | 'pool_fault'
  /** The request itself is at fault. */
  | 'refused'
  /** The pool answered in words that this version does not know. */
  | 'not_understood'

export interface PoolErrorFacts {
  readonly kind: PoolErrorKind
  /** The pool's code where it named one (docs/protocol.md, Errors), else one of this package. */
  readonly code: string
  readonly message: string
  readonly remedy?: string | undefined
  readonly httpStatus?: number | undefined
  readonly retryAfterSeconds?: number | undefined
  /** Of an answer that was cut: the text that came. */
  readonly partialText?: string | undefined
  readonly cause?: unknown
}

/** Everything that this package throws, except the reason of an abort that its caller asked for. */
export class PoolError extends Error {
  readonly kind: PoolErrorKind
  readonly code: string
  readonly remedy: string
  readonly httpStatus: number | null
  readonly retryAfterSeconds: number | null
  readonly partialText: string | null

  constructor(facts: PoolErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'PoolError'
    this.kind = facts.kind
    this.code = facts.code
    this.remedy = facts.remedy ?? remedies[facts.kind]
    this.httpStatus = facts.httpStatus ?? null
    this.retryAfterSeconds = facts.retryAfterSeconds ?? null
    this.partialText = facts.partialText ?? null
  }
}

const remedies: Readonly<Record<PoolErrorKind, string>> = {
  unreachable: 'Check the address and that this machine is online, then try again.',
  payment: 'Nothing was paid. See that the account holds enough of the pool’s USDC, then open a session.',
  cap_spent: 'Close this session, which refunds what is left, and open another with a higher cap.',
  session_over: 'Open a new session. What the old one did not use is refunded on chain.',
  not_allowed: 'Open a session for its token; at a private pool sign in first (pool.signIn).',
  ring_gone:
    'Wait until enough peers hold the model (pool.status() tells), then ask again. Nothing is charged while you wait.',
  busy: 'Ask again later; retryAfterSeconds tells when, where the pool said so.',
  answer_cut: 'Ask again. What was computed until then was charged; the receipt tells how much.',
  signature_wrong: 'Do not rely on this answer: it is not what the attested key signed.',
  attestation_wrong: 'Trust this pool as far as you trust who runs it, and no further.',
  receipt_wrong: 'Believe the chain, not the receipt. Keep both, and pay here no more.',
  chain: 'Try again later, or read the chain through an RPC of your own.',
  pool_fault: 'Ask again; if it repeats, tell whoever runs the pool when it happened.',
  refused: 'Mend the request; the message says where.',
  not_understood: 'Update this package, or check that the address is a ComputePool’s.',
}

const kinds: Readonly<Record<string, PoolErrorKind>> = {
  payment_cap_reached: 'cap_spent',
  payment_session_closed: 'session_over',
  payment_session_unknown: 'session_over',
  peer_unauthenticated: 'not_allowed',
  peer_not_authorised: 'not_allowed',
  payment_session_full: 'busy',
  payment_session_opening: 'payment',
  swarm_busy: 'busy',
  swarm_overloaded: 'busy',
  rate_limit_exceeded: 'busy',
  peer_rate_limited: 'busy',
  swarm_layers_missing: 'ring_gone',
  swarm_trust_missing: 'ring_gone',
  swarm_coalition_lost: 'ring_gone',
  swarm_no_placement: 'ring_gone',
}

/** The kind of an error that the pool named: by its code, else by the code's family, else by the status. */
export function kindOf(code: string, httpStatus: number): PoolErrorKind {
  const known = kinds[code]
  if (known !== undefined) return known
  if (code.startsWith('payment_') || httpStatus === 402) return 'payment'
  if (code.startsWith('chain_')) return 'chain'
  if (code.startsWith('bug_')) return 'pool_fault'
  if (code.startsWith('peer_') || code.startsWith('engine_')) return 'ring_gone'
  if (httpStatus === 401 || httpStatus === 403) return 'not_allowed'
  if (httpStatus === 429) return 'busy'
  return httpStatus >= 500 ? 'unreachable' : 'refused'
}
