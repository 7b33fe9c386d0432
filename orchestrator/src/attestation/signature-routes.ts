/** `GET /v1/signature/ID` and 0G's `/v1/proxy/signature/ID`: what the attested key signed of an answer, for a while after it. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Context, Hono } from 'hono'
import type { AnswerSigner } from './sign-answers.ts'

/** `answers` null: nothing vouches for this process, and nothing is signed. */
export function signatureRoutes(answers: AnswerSigner | null): Hono {
  const routes = new Hono()
  // Costs a look into a map: a client that checks each answer is not to be counted twice.
  const tell = (c: Context) => {
    if (answers === null) {
      throw new ComputePoolError(
        'input_not_found',
        'Answers are not signed here: nothing vouches for who would sign.',
        {
          remedy: 'Trust it as far as you trust who runs it.',
        },
      )
    }
    const signed = answers.signatureOf(c.req.param('id') ?? '')
    if (signed !== null) return c.json(signed, 200, { 'cache-control': 'no-store' })
    throw new ComputePoolError('input_not_found', 'There is no signature of that answer.', {
      remedy: 'Ask with the answer’s ZG-Res-Key once the answer has ended, and within 20 minutes.',
    })
  }
  routes.get('/signature/:id', tell)
  routes.get('/proxy/signature/:id', tell)
  return routes
}
