/**
 * `PUT /api/evidence/SHA256`: an auditor leaves its bundle, with the ticket of its check. `GET`: anybody fetches one, to replay it. Nothing is read of it
 * here but its digest.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Context, Hono } from 'hono'
import { type EvidenceArchive, maxEvidenceBytes } from '../audit/index.ts'

export interface EvidenceRoutesOptions {
  readonly archive: Pick<EvidenceArchive, 'put' | 'get'>
  /** Whose it is, where it was given out and not used yet; else null. */
  readonly takeTicket: (ticket: string) => string | null
  /** Counts a caller in; returns what counts it out: when all that it asked for is sent. */
  readonly beginCall: (c: Context) => () => void
}

/** Below `/api`. Errors: `peer_unauthenticated`, `input_not_found`, `input_invalid`, `input_too_large`, `swarm_overloaded`. */
export function evidenceRoutes({ archive, takeTicket, beginCall }: EvidenceRoutesOptions): Hono {
  const routes = new Hono()
  routes.put('/evidence/:sha256', async c => {
    const ticket = /^Bearer (\S{1,200})$/i.exec(c.req.header('authorization') ?? '')?.[1]
    const { body } = c.req.raw
    if (Number(c.req.header('content-length') ?? 0) > maxEvidenceBytes) throw tooLarge()
    const operator = ticket === undefined ? null : takeTicket(ticket)
    if (operator === null) throw unauthorized()
    if (body === null) throw new ComputePoolError('input_invalid', 'No bundle came.', { remedy: 'Send its bytes.' })
    await archive.put(sha256Of(c), body, operator)
    return c.json({ sha256: sha256Of(c) }, 201)
  })
  routes.get('/evidence/:sha256', async c => {
    const done = beginCall(c)
    try {
      const sha256 = sha256Of(c)
      const file = await archive.get(sha256)
      if (file === null) {
        throw new ComputePoolError('input_not_found', `No evidence ${sha256} is kept here.`, {
          remedy: 'Ask whoever names it: what nobody stands accused by is dropped when room is short.',
        })
      }
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(file.sizeBytes),
        'cache-control': 'public, max-age=31536000, immutable',
        'content-disposition': `attachment; filename="${sha256}.cpevid"`,
      }
      return new Response(untilSent(file.stream(), done), { headers })
    } catch (thrown) {
      done()
      throw thrown
    }
  })
  return routes
}

/** The same bytes; `done` is called at their end, or when nobody wants more. */
function untilSent(bytes: ReadableStream<Uint8Array>, done: () => void): ReadableStream<Uint8Array> {
  const reader = bytes.getReader()
  return new ReadableStream<Uint8Array>(
    {
      pull: async controller => {
        const next = await reader.read().catch((thrown: unknown) => {
          done()
          throw thrown
        })
        if (next.value !== undefined) return controller.enqueue(next.value)
        done()
        controller.close()
      },
      cancel: async reason => {
        done()
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function sha256Of(c: Context): string {
  const sha256 = c.req.param('sha256') ?? ''
  if (/^[0-9a-f]{64}$/.test(sha256)) return sha256
  throw new ComputePoolError('input_invalid', `"${sha256.slice(0, 80)}" is no SHA-256 in lower-case hex.`, {
    remedy: 'Name the bundle by its digest: 64 hex digits.',
    context: { param: 'sha256' },
  })
}

const unauthorized = (): ComputePoolError =>
  new ComputePoolError('peer_unauthenticated', 'This is not the ticket of an open check, or it was used.', {
    remedy: 'Evidence is left by the auditor that was asked, with the ticket that came with its check.',
  })

const tooLarge = (): ComputePoolError =>
  new ComputePoolError('input_too_large', `A bundle has at most ${maxEvidenceBytes} bytes.`, {
    remedy: 'Check an earlier end of the attempt.',
    context: { limitBytes: maxEvidenceBytes },
  })
