/** The hub's refusals: what happened, and what the tab should do. An expulsion also closes the socket. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { PeerId } from '@computepool/shared/wire'
import { closeCodes } from './hub-ports.ts'

/** A refusal after which the socket is closed with `code`. */
export interface Expulsion {
  readonly error: ComputePoolError
  readonly code: number
}

export const unauthenticated = (what: string): Expulsion => ({
  error: new ComputePoolError('peer_unauthenticated', what, {
    remedy: 'Connect again, and sign the challenge with the wallet of the peer id.',
  }),
  code: closeCodes.unauthenticated,
})

/** Not to be blamed on the peer, who may try again: the hub's own loop may have stood still. */
export const late = (what: string): Expulsion => ({
  error: new ComputePoolError('peer_timed_out', what, { remedy: 'Connect again.' }),
  code: closeCodes.silent,
})

export const messageInvalid = (what: string): Expulsion => ({
  error: new ComputePoolError('peer_message_invalid', `A message to the hub is invalid: ${what}`, {
    remedy: 'Reload the page to update it.',
  }),
  code: closeCodes.refused,
})

export const messageTooLarge = (sizeBytes: number, limitBytes: number): Expulsion => ({
  error: new ComputePoolError(
    'peer_message_invalid',
    `A message to the hub has ${sizeBytes} characters, the limit is ${limitBytes}`,
    {
      remedy: 'Send smaller messages.',
      context: { sizeBytes, limitBytes },
    },
  ),
  code: closeCodes.tooLarge,
})

export const rateLimited = (what: string, perSecond: number): Expulsion => ({
  error: new ComputePoolError('peer_rate_limited', `Too many ${what}; the limit is ${perSecond} a second`, {
    remedy: 'Connect again after a pause, and send less.',
    context: { retryAfterSeconds: 5 },
  }),
  code: closeCodes.rateLimited,
})

export const tooManyLinks = (limit: number): Expulsion => ({
  error: new ComputePoolError('peer_rate_limited', `More than ${limit} connections are open from this address`, {
    remedy: 'Close some tabs first.',
    context: { limit },
  }),
  code: closeCodes.rateLimited,
})

export const hubFull = (limit: number): Expulsion => ({
  error: new ComputePoolError('swarm_busy', `The hub holds ${limit} peers, which is its limit`, {
    remedy: 'Try again later.',
    context: { limit, retryAfterSeconds: 30 },
  }),
  code: closeCodes.refused,
})

export const replaced = (): Expulsion => ({
  error: new ComputePoolError('peer_disconnected', 'This peer connected again elsewhere', {
    remedy: 'Nothing: the newer connection serves.',
  }),
  code: closeCodes.replaced,
})

export const silent = (idleMs: number, silenceLimitMs: number): Expulsion => ({
  error: new ComputePoolError('peer_timed_out', `Nothing was heard for ${Math.round(idleMs)} ms`, {
    remedy: 'Connect again, and send a ping when there is nothing else to say.',
    context: { silenceLimitMs },
  }),
  code: closeCodes.silent,
})

/** About one message; the socket stays open. */
export const notTogether = (to: PeerId): ComputePoolError =>
  new ComputePoolError('peer_unreachable', `${to} is in no coalition with this peer`, {
    remedy: 'Signal members of your own coalition only.',
    context: { to },
  })

/** About one message; the socket stays open. */
export const notConnected = (to: PeerId): ComputePoolError =>
  new ComputePoolError('peer_unreachable', `${to} is not connected to the hub`, {
    remedy: 'Wait for the next assignment.',
    context: { to },
  })
