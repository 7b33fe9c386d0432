/** Measures the engines that this tab could use for a model, and says why one is missing. It chooses none and loads no weights. */

import { measureEngine } from '@computepool/peer/engine/measure-engine.ts'
import type { Manifest } from '@computepool/shared/model'
import type { ActivationDtype } from '@computepool/shared/ports'
import { describeAdapter, requestAdapter } from './describe-adapter.ts'
import type { WebEngineKind } from './load-ort.ts'
import { openWebEngine } from './open-web-engine.ts'

export interface EngineProbe {
  readonly kind: WebEngineKind
  readonly device: string
  readonly isSoftware: boolean
  readonly activationDtype: ActivationDtype
  /** One decode step through one layer of the model's shape. */
  readonly msPerLayer: number
  /** Final norm, logits and argmax. */
  readonly headMs: number
  /** What the tab may take without hurting the machine: a guess, since no browser tells. */
  readonly estimatedMemoryBytes: number
  /** Largest single buffer and binding, in bytes; null where the engine has no such limit. */
  readonly limits: { readonly maxBufferBytes: number; readonly maxBindingBytes: number } | null
}

export interface MissingEngine {
  readonly kind: WebEngineKind
  /** In words, e.g. "this browser has no WebGPU". */
  readonly reason: string
}

export interface EngineProbes {
  readonly probes: readonly EngineProbe[]
  readonly missing: readonly MissingEngine[]
}

export interface ProbeOptions {
  /** Measures this kind alone. */
  readonly forced?: WebEngineKind | null
  readonly signal?: AbortSignal
}

/** An engine that fails to measure is missing, with its words as the reason. Errors: only the signal's reason. */
export async function probeEngines(manifest: Manifest, options: ProbeOptions = {}): Promise<EngineProbes> {
  const signal = options.signal ?? new AbortController().signal
  const kinds = options.forced ? [options.forced] : (['webgpu', 'wasm'] as const)
  const probes: EngineProbe[] = []
  const missing: MissingEngine[] = []
  for (const kind of kinds) {
    try {
      probes.push(await probe(kind, manifest, signal))
    } catch (thrown) {
      signal.throwIfAborted()
      missing.push({ kind, reason: thrown instanceof Error ? thrown.message : String(thrown) })
    }
  }
  return { probes, missing }
}

async function probe(kind: WebEngineKind, manifest: Manifest, signal: AbortSignal): Promise<EngineProbe> {
  const measurement = await measureEngine(slice => openWebEngine(kind, slice), manifest, {
    signal,
    now: () => performance.now(),
  })
  const { device, isSoftware, activationDtype } = measurement.engine
  const { msPerLayer, headMs } = measurement
  const found = kind === 'webgpu' ? await requestAdapter() : null
  const adapter = found !== null && 'adapter' in found ? describeAdapter(found.adapter) : null
  return {
    kind,
    device,
    isSoftware,
    activationDtype,
    msPerLayer,
    headMs,
    estimatedMemoryBytes: estimateMemory(kind),
    limits:
      adapter === null ? null : { maxBufferBytes: adapter.maxBufferBytes, maxBindingBytes: adapter.maxBindingBytes },
  }
}

/** Half of the machine's memory as far as the browser tells it (at most 8 GiB; Chromium only); WASM has 4 GiB of addresses. */
function estimateMemory(kind: WebEngineKind): number {
  const navigator = globalThis.navigator as Navigator & { readonly deviceMemory?: number }
  const half = ((navigator.deviceMemory ?? 4) * 2 ** 30) / 2
  return kind === 'wasm' ? Math.min(half, 3 * 2 ** 30) : half
}
