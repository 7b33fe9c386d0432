/** The worker in which a test's engines live. */

import { measureEngine } from '@computepool/peer/engine/measure-engine.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import { type SelfTestOutcome, selfTest } from '@computepool/shared/selftest'
import { engineContract, type RandomPackOptions, randomPack } from '@computepool/shared/testing'
import { chooseEngine } from '../src/engine/choose-engine.ts'
import { loadOrt } from '../src/engine/load-ort.ts'
import { openWebEngine } from '../src/engine/open-web-engine.ts'
import { probeEngines } from '../src/engine/probe-engines.ts'
import type { HarnessCall, HarnessReply, HarnessRequest, LossAnswer, SelfTestAnswer } from './engine-harness-calls.ts'

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
  if (call.type === 'contract') return runContract(call)
  if (call.type === 'self-test') return runSelfTest(call)
  if (call.type === 'lose-device') return loseDevice(call.pack)
  const { manifest } = randomPack(call.pack)
  if (call.type === 'measure')
    return measureEngine(slice => openWebEngine(call.kind, slice), manifest, {
      signal: new AbortController().signal,
      now: () => performance.now(),
    })
  const probes = await probeEngines(manifest)
  return { ...probes, choice: chooseEngine(probes) }
}

async function loseDevice(pack: RandomPackOptions): Promise<LossAnswer> {
  const { manifest, parts } = randomPack(pack)
  const layers = { start: 0, end: 1 }
  const engine = await openWebEngine('webgpu', { manifest, layers, parts, kvBudgetBytes: 2 ** 26, maxContext: 64 })
  const step = (position: number) => engine.run([{ requestId: 'r', position, input: { tokens: [5] }, sample: null }])
  await step(0)
  const { env } = await loadOrt('webgpu')
  const device = (await env.webgpu.device) as GPUDevice
  device.destroy()
  const lost = await engine.lost
  const nextStep = await step(1).then(
    () => 'it ran',
    error => (error instanceof ComputePoolError ? error.code : String(error)),
  )
  return { lost: lost.code, nextStep }
}

async function runContract(call: HarnessCall & { type: 'contract' }): Promise<number> {
  const found = engineContract.find(({ name }) => name === call.caseName)
  if (found === undefined) throw new Error(`no contract case is called ${call.caseName}`)
  const { manifest, parts } = randomPack(call.pack)
  const started = performance.now()
  await found.run({
    manifest,
    // F32 sums in another order: the native engine measures up to 1.6e-6.
    chunkTolerance: 1e-5,
    open: (layers, { kvBudgetBytes = 2 ** 26 } = {}) =>
      openWebEngine(call.kind, { manifest, layers, parts, kvBudgetBytes, maxContext: 128 }, { smallestCapacity: 16 }),
  })
  return Math.round(performance.now() - started)
}

async function runSelfTest(call: HarnessCall & { type: 'self-test' }): Promise<SelfTestAnswer> {
  const { manifest, parts } = randomPack(call.pack)
  const { layers, goldens } = call
  const engine = await openWebEngine(
    call.kind,
    { manifest, layers, parts, kvBudgetBytes: 2 ** 26, maxContext: 128 },
    call.maxChunk === undefined ? {} : { maxChunk: call.maxChunk },
  )
  try {
    const outcome = await selfTest({
      engine,
      manifest,
      golden: {
        tokens: [...goldens.tokens],
        dtype: 'f32',
        boundaries: goldens.boundaries.map(() => ({ path: 'golden.bin', sizeBytes: 1, sha256: '0'.repeat(64) })),
        argmax: [...goldens.argmax],
        source: 'test',
      },
      readBoundary: async index => new Uint8Array(Float32Array.from(goldens.boundaries[index]!).buffer),
    })
    return { outcome: structuredClone({ ...outcome, error: undefined }) as SelfTestOutcome, facts: engine.facts }
  } finally {
    await engine.close()
  }
}
