/** What 0G's clients are told where the hardware gives no quote: the same as everybody else. */
import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock } from '@computepool/shared/testing'
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { errorResponse } from '../api/openai-routes.ts'
import { createSimulatedProvider } from '../attestation/simulated-provider.ts'
import { zeroGQuoteRoutes } from '../attestation/zerog-quote.ts'
import { type ZerogRoutesOptions, zerogRoutes } from './zerog-routes.ts'

it('tells a failed quote in words and with a code, by either address', async () => {
  const failure = new ComputePoolError('attestation_unavailable', 'The guest agent gave no quote.', { remedy: 'Wait.' })
  const provider = { ...createSimulatedProvider(`0x${'33'.repeat(32)}`), evidence: () => Promise.reject(failure) }
  const quotes = () => zeroGQuoteRoutes({ provider, clock: createManualClock() })
  const limiter = { begin: () => () => {} }
  const options = { limiter, addressOf: () => '127.0.0.1', quotes: quotes() } as unknown as ZerogRoutesOptions
  const app = new Hono().route('/v1', quotes()).route('/v1', zerogRoutes(options)).onError(errorResponse)
  const [plain, report] = await Promise.all(
    ['/v1/quote', '/v1/proxy/attestation/report'].map(path => app.request(path)),
  )
  const told = await plain!.json()
  expect(told).toMatchObject({
    error: { code: 'attestation_unavailable', message: expect.stringContaining('no quote') },
  })
  expect(report!.status).toBe(plain!.status)
  expect(await report!.json()).toEqual(told)
})
