/** What a client is told where its request cannot be taken, or its answer not finished. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { AnswerRecord } from './answer-record.ts'

export function noRing(why: string): ComputePoolError {
  return new ComputePoolError('swarm_layers_missing', why, {
    remedy: 'Open the operator page in another tab, or try again shortly.',
    context: { retryAfterSeconds: 5 },
  })
}

/** Nobody here may see the text of whoever asks for trusted ends. */
export function noTrustedRing(): ComputePoolError {
  const message = 'No ring here has staked operators of good standing at both ends, where text is seen.'
  return new ComputePoolError('swarm_trust_missing', message, {
    remedy:
      'Leave "computepool.trusted" out, or ask again later: standing is earned by checks, and a pool without stakes has no such ring.',
    context: { param: 'computepool.trusted', retryAfterSeconds: 60 },
  })
}

export function silent(answer: AnswerRecord, silenceMs: number): ComputePoolError {
  const seconds = Math.round(silenceMs / 1000)
  const tokens = answer.drawn.length
  return new ComputePoolError(
    'peer_timed_out',
    `The tabs sent no token for ${seconds} s (${tokens} tokens had come).`,
    {
      remedy: 'Send the request again; a tab in the background may be throttled by its browser.',
      context: { requestId: answer.id, tokens },
    },
  )
}

export function notMoved(answer: AnswerRecord, waitedMs: number): ComputePoolError {
  const tokens = answer.drawn.length
  const what = `The answer stopped after ${tokens} tokens, and nobody took it over within ${Math.round(waitedMs / 1000)} s.`
  const why = answer.interruption === null ? '' : ` ${answer.interruption.message}`
  return new ComputePoolError('swarm_coalition_lost', `${what}${why}`, {
    remedy: 'Send the request again.',
    context: { requestId: answer.id, tokens },
  })
}

/** A token that is not due, or does not exist. */
export function wrongToken(answer: AnswerRecord, said: { index: number; token: number }): ComputePoolError {
  const due = answer.drawn.length - answer.drawnBefore
  const most = answer.order.maxTokens - answer.drawnBefore
  const message = `The entry tab sent token ${said.token} as number ${said.index} where number ${due} of at most ${most} was due.`
  return new ComputePoolError('peer_message_invalid', message, { remedy: 'Send the request again.' })
}

export function stoppedByEntry(): ComputePoolError {
  return new ComputePoolError('peer_disconnected', 'The entry tab stopped the answer on its own account.', {
    remedy: 'Send the request again.',
  })
}

export function waitedTooLong(waitedMs: number, retryAfterSeconds: number): ComputePoolError {
  return new ComputePoolError('swarm_overloaded', `The request waited ${waitedMs / 1000} s for a free place.`, {
    remedy: 'Try again after the time in Retry-After.',
    context: { retryAfterSeconds },
  })
}

export function queueFull(running: number, waiting: number, retryAfterSeconds: number): ComputePoolError {
  const message = `${running} requests run and ${waiting} wait; the queue is full.`
  return new ComputePoolError('swarm_overloaded', message, {
    remedy: 'Try again after the time in Retry-After.',
    context: { retryAfterSeconds },
  })
}

export function shareFull(waiting: number, retryAfterSeconds: number): ComputePoolError {
  return new ComputePoolError('swarm_busy', `${waiting} of your requests wait already.`, {
    remedy: 'Wait until one of them has begun, or try again after the time in Retry-After.',
    context: { retryAfterSeconds },
  })
}
