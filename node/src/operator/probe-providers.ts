/**
 * Which execution provider this machine serves with: those that the runtime has are run on the offered model's shape, and the fastest
 * is taken, or the one that was asked for. What was not run here is never reported. It loads no weights.
 */
import { measureEngine } from '@computepool/peer/engine/measure-engine.ts'
import type { EngineChoice } from '@computepool/peer/runtime/peer-powers.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import type { ActivationDtype, Engine, SliceRequest } from '@computepool/shared/ports'
import type { NativeProvider } from '../engine/native-runtime.ts'
import type { ProviderTrial } from '../engine/try-provider.ts'

export interface ProviderProbe {
  readonly provider: NativeProvider
  readonly device: string
  readonly kind: 'native' | 'webgpu'
  readonly activationDtype: ActivationDtype
  readonly msPerLayer: number
  readonly headMs: number
}

export interface MissingProvider {
  readonly provider: NativeProvider
  /** The runtime's own words. */
  readonly reason: string
}

export interface ProbeProvidersOptions {
  /** In the order of trying. */
  readonly providers: readonly NativeProvider[]
  /** In a process of its own, before it is let into this one. */
  readonly tryOne: (provider: NativeProvider) => Promise<ProviderTrial>
  readonly open: (provider: NativeProvider, slice: SliceRequest) => Promise<Engine>
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

export interface ProviderProbes {
  readonly probes: readonly ProviderProbe[]
  readonly missing: readonly MissingProvider[]
}

/** A provider that fails to measure is missing, with its words as the reason. Errors: only the signal's reason. */
export async function probeProviders(manifest: Manifest, options: ProbeProvidersOptions): Promise<ProviderProbes> {
  const { providers, tryOne, open, signal, nowMs } = options
  const probes: ProviderProbe[] = []
  const missing: MissingProvider[] = []
  for (const provider of providers) {
    // The processor's provider is part of the runtime: there is no driver to be afraid of.
    const trial = provider === 'cpu' ? null : await tryOne(provider)
    signal.throwIfAborted()
    if (trial !== null && !trial.runs) {
      missing.push({ provider, reason: trial.reason })
      continue
    }
    try {
      const { msPerLayer, headMs, engine } = await measureEngine(slice => open(provider, slice), manifest, {
        signal,
        now: nowMs,
      })
      const { device, activationDtype } = engine
      const kind = engine.kind === 'webgpu' ? 'webgpu' : 'native'
      probes.push({ provider, device, kind, activationDtype, msPerLayer, headMs })
    } catch (thrown) {
      signal.throwIfAborted()
      missing.push({ provider, reason: thrown instanceof Error ? thrown.message : String(thrown) })
    }
  }
  return { probes, missing }
}

/** Errors: `engine_unavailable` where the forced provider, or every provider, is missing. */
export function chooseProvider(
  { probes, missing }: ProviderProbes,
  forced: NativeProvider | null,
): { readonly provider: NativeProvider; readonly choice: EngineChoice } {
  const reasons = missing.map(({ provider, reason }) => `${provider}: ${reason}`).join('; ')
  const wanted = forced === null ? probes : probes.filter(({ provider }) => provider === forced)
  const best = wanted.reduce<ProviderProbe | null>(
    (fastest, probe) => (fastest === null || probe.msPerLayer < fastest.msPerLayer ? probe : fastest),
    null,
  )
  if (best === null)
    throw new ComputePoolError(
      'engine_unavailable',
      forced === null ? `No engine runs here (${reasons}).` : `${forced} was asked for and does not run (${reasons}).`,
      { remedy: 'computepool node doctor tells what this machine can do; --engine cpu runs everywhere.' },
    )
  return {
    provider: best.provider,
    choice: {
      // The desk knows one engine of a kind: the one that will serve.
      probes: [{ ...best, isSoftware: false }].map(({ kind, device, isSoftware, msPerLayer, headMs }) => ({
        kind,
        device,
        isSoftware,
        msPerLayer,
        headMs,
      })),
      kind: best.kind,
      activationDtype: best.activationDtype,
      reason: reasonFor(best, probes, forced, reasons),
    },
  }
}

function reasonFor(
  best: ProviderProbe,
  probes: readonly ProviderProbe[],
  forced: NativeProvider | null,
  missing: string,
): string {
  if (forced !== null) return `${forced} was asked for`
  const others = probes.filter(probe => probe !== best)
  if (others.length === 0)
    return missing === '' ? `${best.provider} is the only engine` : `only ${best.provider} runs here (${missing})`
  const slower = others.map(probe => `${probe.provider} takes ${probe.msPerLayer.toFixed(2)} ms`)
  return `${best.provider} takes ${best.msPerLayer.toFixed(2)} ms a layer, ${slower.join(', ')}`
}
