/**
 * What a client is told where a seat says that it cannot go on. The seat is a stranger: it chooses among a few codes, whose words are
 * ours; its own are kept for whoever looks into it.
 */
import { ComputePoolError, type ErrorCode } from '../errors/index.ts'

const sendAgain = 'Send the request again.'

/** What a seat may say of a request, and the sentences that a client reads. */
const sentences = {
  input_context_too_long: ['The text is longer than what the tabs of this ring hold.', 'Send a shorter one.'],
  input_unsupported: ['The last tabs of this ring do not know a setting of the request.', 'Leave it out.'],
  swarm_busy: ['A tab of the ring holds as many requests as it can.', 'Try again when one of them is over.'],
  swarm_coalition_lost: ['The ring that computed the answer is lost.', sendAgain],
  peer_frame_invalid: ['A tab of the ring could not use what another one sent.', sendAgain],
  peer_frame_too_large: ['A tab of the ring was sent more than it takes.', sendAgain],
  peer_timed_out: ['A tab of the ring was silent for too long.', sendAgain],
  peer_disconnected: ['A tab of the ring lost its link to another one.', sendAgain],
  peer_unreachable: ['A tab of the ring could not reach another one.', sendAgain],
  engine_unavailable: ['A tab of the ring has no engine any more.', sendAgain],
  engine_self_test_failed: ['The engine of a tab of the ring computes wrongly.', sendAgain],
  engine_device_lost: ['A tab of the ring lost its GPU.', sendAgain],
  engine_out_of_memory: ['A tab of the ring has no memory left for the request.', sendAgain],
  engine_worker_died: ['The worker of a tab of the ring died.', sendAgain],
  engine_prefix_missing: ['A tab of the ring keeps an earlier answer’s cache no more.', sendAgain],
  engine_failed: ['The engine of a tab of the ring failed.', sendAgain],
} as const satisfies Partial<Record<ErrorCode, readonly [string, string]>>

export type SeatCode = keyof typeof sentences

/** The codes that a seat may say of a request. */
export const seatCodes = Object.keys(sentences) as readonly SeatCode[]

/** Settings that a seat may name. */
const settings = [
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'logit_bias',
  'logprobs',
]

/** Of the seat's own words. */
const wordsKept = 200

export interface SeatWords {
  readonly code: string
  readonly message: string
  readonly seat?: number
}

/**
 * The error for what a seat, or an entry, said of `requestId`: a code that it may not say becomes `peer_frame_invalid`, and what it
 * said stands in the context alone (`said`, `words`).
 */
export function errorOfSeat({ code, message, seat }: SeatWords, requestId: string): ComputePoolError {
  const allowed = seatCodes.find(each => each === code) ?? 'peer_frame_invalid'
  const [sentence, remedy] = sentences[allowed]
  const named = allowed === 'input_unsupported' ? settings.filter(each => message.includes(`"${each}"`)) : []
  const which = named.length === 0 ? '' : ` It named ${named.map(each => `"${each}"`).join(', ')}.`
  const told = { said: code.slice(0, 64), words: message.slice(0, wordsKept) }
  return new ComputePoolError(allowed, `${sentence}${which}`, {
    remedy,
    context: { requestId, ...(seat === undefined ? {} : { seat }), ...told },
  })
}
