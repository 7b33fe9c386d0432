import type { Engine } from '@computepool/shared/ports'
import { randomPack } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createNativeRuntime, type NativeProvider } from './native-runtime.ts'
import { openNativeEngine } from './open-native-engine.ts'

/** The processor under another's name; `fail` decides what becomes of the next steps. */
async function openFailing(provider: NativeProvider) {
  const { manifest, parts } = randomPack({ quantisation: 'f32' })
  let words: string | null = null
  const engine = await openNativeEngine(
    { manifest, parts, layers: { start: 0, end: 2 }, kvBudgetBytes: 2 ** 26, maxContext: 64 },
    {
      provider,
      threads: 1,
      createRuntime(options) {
        const runtime = createNativeRuntime({ ...options, provider: 'cpu' })
        return {
          ...runtime,
          async openSession(input) {
            const session = await runtime.openSession(input)
            return {
              ...session,
              async run(feeds, fetches) {
                if (words !== null) throw new Error(words)
                return session.run(feeds, fetches)
              },
            }
          },
        }
      },
    },
  )
  return { engine, fail: (next: string | null) => (words = next) }
}

const step = (engine: Engine): Promise<string> =>
  engine.run([{ requestId: 'r', position: 0, input: { tokens: [5, 9] }, sample: null }]).then(
    () => 'served',
    error => error.code,
  )

/** The code that the engine was lost with, or null while it is not. */
const lossOf = (engine: Engine): Promise<string | null> =>
  Promise.race([engine.lost.then(({ code }) => code), new Promise<null>(resolve => setImmediate(() => resolve(null)))])

it.each([
  'VK_ERROR_DEVICE_LOST',
  'WebGPU device is lost: the driver was reset',
  'DXGI_ERROR_DEVICE_REMOVED (0x887A0005)',
  'CUDA failure 700: an illegal memory access was encountered',
])('a GPU that says "%s" is lost at once, and serves no step after', async words => {
  const { engine, fail } = await openFailing('webgpu')
  expect([await step(engine), await lossOf(engine)]).toEqual(['served', null])
  fail(words)
  expect(await step(engine)).toMatch(/^engine_/)
  expect(await lossOf(engine)).toBe('engine_device_lost')
  fail(null)
  expect(await step(engine)).toBe('engine_device_lost')
})

it.each(['cpu', 'webgpu', 'cuda'] as const)(
  '%s is lost after three failed steps in a row, and not before',
  async provider => {
    const { engine, fail } = await openFailing(provider)
    for (const words of ['broken', 'broken', null, 'broken', 'broken']) {
      fail(words)
      expect(await step(engine)).toBe(words === null ? 'served' : 'engine_failed')
    }
    expect(await lossOf(engine)).toBe(null)
    await step(engine)
    expect(await lossOf(engine)).toBe('engine_device_lost')
  },
)

it('a step without room says nothing of the device', async () => {
  const { engine, fail } = await openFailing('cuda')
  fail('BFCArena: Failed to allocate memory for requested buffer, CUDA out of memory')
  for (let steps = 0; steps < 5; steps += 1) await step(engine)
  expect(await lossOf(engine)).toBe(null)
  fail(null)
  expect(await step(engine)).toBe('served')
})

it('a processor has no device to lose by words', async () => {
  const { engine, fail } = await openFailing('cpu')
  fail('device is lost')
  await step(engine)
  expect(await lossOf(engine)).toBe(null)
})
