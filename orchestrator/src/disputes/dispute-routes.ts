/** `/api/disputes`: what became of each conviction, for anybody; and the door for auditors' votes. */
import { voteSchema } from '@computepool/shared/coalition'
import { ComputePoolError } from '@computepool/shared/errors'
import { bigintAsString } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import { createCallLimiter } from '../api/call-limiter.ts'
import { readJson } from '../api/read-json.ts'
import type { DisputeDesk } from './dispute-desk.ts'
import type { VoteRefusal } from './take-vote.ts'

export interface DisputeRoutesOptions {
  /** Null where work is free: nothing is convicted for money there. Throws while the chain is being set up. */
  readonly desk: () => Pick<DisputeDesk, 'list' | 'vote'> | null
  readonly addressOf: (c: Context) => string
  readonly clock: Clock
}

/** Of one address. A vote costs several looks at the chain, and there are 32 auditors at most. */
const voteLimits = { perMinute: 60, concurrent: 4 }
const listLimits = { perMinute: 240, concurrent: 8 }
/** A smart wallet's signature may be 4 KiB. */
const mostVoteBytes = 16 << 10

const refusals: Readonly<Record<VoteRefusal, readonly [message: string, remedy: string]>> = {
  'not-open': ['No votes are taken in this dispute.', 'See GET /api/disputes.'],
  'other-dispute': ['The vote is of another dispute.', 'Post it under the dispute that it names.'],
  'not-auditor': ['Whoever signed the vote is no auditor of this registry.', 'Let the registry’s owner name it.'],
  involved: ['The auditor is involved: a party of the coalition, or the accuser.', 'Leave it to the others.'],
  'signature-wrong': ['The signature is not the auditor’s over this vote and this evidence.', 'Sign it again.'],
  'too-early': ['The accused may still answer.', 'Vote after that.'],
  'too-late': ['The time to vote is over.', 'Nothing is left to do.'],
  'voted-otherwise': ['This auditor has said the opposite already.', 'A vote cannot be changed.'],
  busy: ['This vote, or many others, are on their way.', 'Look again in a few seconds.'],
}

/** Routes under `/api`. */
export function disputeRoutes({ desk, addressOf, clock }: DisputeRoutesOptions): Hono {
  const routes = new Hono()
  const listLimiter = createCallLimiter(() => listLimits, clock)
  const voteLimiter = createCallLimiter(() => voteLimits, clock)

  routes.get('/disputes', async c => {
    const end = listLimiter.begin(addressOf(c))
    try {
      return json({ disputes: (await desk()?.list()) ?? [] })
    } finally {
      end()
    }
  })

  routes.post('/disputes/:id/votes', async c => {
    const end = voteLimiter.begin(addressOf(c))
    try {
      const word = voteSchema.safeParse(await readJson(c.req.raw, mostVoteBytes))
      if (!word.success) {
        throw new ComputePoolError('input_invalid', 'The body is no vote.', {
          remedy: 'Send {"dispute", "isGuilty", "auditor", "signature"}: see docs/protocol.md.',
        })
      }
      const outcome = await desk()?.vote(c.req.param('id'), word.data)
      if (outcome?.kind === 'taken') return json(outcome)
      const why = outcome?.why ?? 'not-open'
      const [message, remedy] = refusals[why]
      throw new ComputePoolError(why === 'busy' || why === 'too-early' ? 'swarm_busy' : 'input_invalid', message, {
        remedy,
        context: { why },
      })
    } finally {
      end()
    }
  })
  return routes
}

const json = (body: object): Response =>
  new Response(JSON.stringify(body, bigintAsString), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
