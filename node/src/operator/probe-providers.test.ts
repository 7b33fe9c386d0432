import { fakeManifest, openFakeEngine } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import type { NativeProvider } from '../engine/native-runtime.ts'
import { chooseProvider, type ProviderProbe, probeProviders } from './probe-providers.ts'

const probe = (provider: NativeProvider, msPerLayer: number): ProviderProbe => ({
  provider,
  device: provider,
  kind: provider === 'webgpu' ? 'webgpu' : 'native',
  activationDtype: 'f32',
  msPerLayer,
  headMs: 1,
})

describe('the choice of an engine', () => {
  it('takes the fastest that ran, or the one that was asked for, and says why', () => {
    const probes = { probes: [probe('cpu', 2), probe('webgpu', 0.5)], missing: [] }
    expect(chooseProvider(probes, null)).toMatchObject({
      provider: 'webgpu',
      choice: { kind: 'webgpu', reason: 'webgpu takes 0.50 ms a layer, cpu takes 2.00 ms' },
    })
    expect(chooseProvider(probes, 'cpu')).toMatchObject({ provider: 'cpu', choice: { kind: 'native' } })
  })

  it('claims nothing that did not run', () => {
    const missing = [{ provider: 'cuda' as const, reason: 'no driver' }]
    const { choice } = chooseProvider({ probes: [probe('cpu', 2)], missing }, null)
    expect(choice.probes.map(({ device }) => device)).toEqual(['cpu'])
    expect(choice.reason).toBe('only cpu runs here (cuda: no driver)')
    const forced = () => chooseProvider({ probes: [], missing }, 'cuda')
    expect(forced).toThrow(expect.objectContaining({ code: 'engine_unavailable' }))
  })
})

it('lets no provider into this process that failed in its own, and none count that fails to measure', async () => {
  const opened: NativeProvider[] = []
  const { probes, missing } = await probeProviders(fakeManifest(), {
    providers: ['cpu', 'cuda', 'webgpu'],
    tryOne: async provider =>
      provider === 'cuda'
        ? { provider, runs: false, reason: 'its process ended (SIGSEGV)' }
        : { provider, runs: true, firstRunMs: 1 },
    open: async (provider, slice) => {
      opened.push(provider)
      if (provider === 'webgpu') throw new Error('the shader did not compile')
      return openFakeEngine(slice)
    },
    signal: new AbortController().signal,
    nowMs: () => performance.now(),
  })
  expect(probes.map(({ provider }) => provider)).toEqual(['cpu'])
  expect(missing).toEqual([
    { provider: 'cuda', reason: 'its process ended (SIGSEGV)' },
    { provider: 'webgpu', reason: 'the shader did not compile' },
  ])
  expect(opened).not.toContain('cuda')
})
