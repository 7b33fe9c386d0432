/** The process of `tryProvider`: runs one layer of a small model with random weights, and says on stdout how that went. */
import { activationFromValues, layOutParts, randomParts } from '@computepool/shared/engine'
import type { NativeProvider } from './native-runtime.ts'
import { openNativeEngine } from './open-native-engine.ts'
import { smallManifest } from './small-manifest.ts'

const provider = process.argv[2] as NativeProvider

async function firstRunMs(): Promise<number> {
  const manifest = layOutParts(smallManifest)
  const engine = await openNativeEngine(
    { manifest, layers: { start: 1, end: 2 }, parts: randomParts(), kvBudgetBytes: 2 ** 24, maxContext: 16 },
    { provider, threads: 1 },
  )
  const { hidden } = manifest.dimensions
  const values = Float32Array.from({ length: hidden }, (_, index) => Math.sin(index))
  const input = { activation: activationFromValues(values, hidden, engine.facts.activationDtype) }
  const began = performance.now()
  const [output] = await engine.run([{ requestId: 'trial', position: 0, input, sample: null }])
  if (output?.kind !== 'activation') throw new Error('it gave no activation')
  const took = performance.now() - began
  await engine.close()
  return took
}

const answer = await firstRunMs().then(
  ms => ({ firstRunMs: Math.round(ms * 100) / 100 }),
  (thrown: unknown) => ({ reason: thrown instanceof Error ? thrown.message : String(thrown) }),
)
console.log(`TRIAL ${JSON.stringify(answer)}`)
// A driver's own threads may keep the process.
process.exit(0)
