/** The worker in which a test's engines live. */
import { engineContract, randomPack } from '@computepool/shared/testing'
import { openWebEngine } from '../src/engine/open-web-engine.ts'
import type { HarnessCall, HarnessReply, HarnessRequest } from './engine-harness-calls.ts'

addEventListener('message', async ({ data }: MessageEvent<HarnessRequest>) => {
  const reply = (value: unknown, error: string | null) =>
    postMessage({ id: data.id, value, error } satisfies HarnessReply)
  try {
    reply(await answer(data.call), null)
  } catch (error) {
    reply(null, error instanceof Error ? `${error.message}\n${error.stack}` : String(error))
  }
})

async function answer(call: HarnessCall): Promise<unknown> {
  const { kind } = call
  const found = engineContract.find(({ name }) => name === call.caseName)
  if (found === undefined) throw new Error(`no contract case is called ${call.caseName}`)
  const { manifest, parts } = randomPack(call.pack)
  const started = performance.now()
  await found.run({
    manifest,
    // Measured up to 2e-6: f32 sums in another order.
    chunkTolerance: 1e-5,
    open: (layers, { kvBudgetBytes = 2 ** 26 } = {}) =>
      openWebEngine(kind, { manifest, layers, parts, kvBudgetBytes, maxContext: 128 }, { smallestCapacity: 16 }),
  })
  return Math.round(performance.now() - started)
}
