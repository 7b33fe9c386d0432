/** Which of the measured engines a tab uses, and why, in words that the page shows. Pure. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { ActivationDtype } from '@computepool/shared/ports'
import type { WebEngineKind } from './load-ort.ts'
import type { EngineProbe, EngineProbes } from './probe-engines.ts'

export interface EngineChoice {
  readonly probes: readonly EngineProbe[]
  readonly kind: WebEngineKind
  readonly activationDtype: ActivationDtype
  /** In words, e.g. "the WebGPU adapter is software, and WASM is 12 times faster". */
  readonly reason: string
}

/** A GPU this much slower than the CPU is still taken: it leaves the processor to the rest of the machine. */
const gpuPreference = 1.2

const names = { webgpu: 'WebGPU', wasm: 'WASM' } as const

/** Errors: `engine_unavailable` where the forced engine, or every engine, is missing. */
export function chooseEngine({ probes, missing }: EngineProbes, forced: WebEngineKind | null = null): EngineChoice {
  const take = (probe: EngineProbe, reason: string): EngineChoice => ({
    probes,
    kind: probe.kind,
    activationDtype: probe.activationDtype,
    reason,
  })
  const reasons = missing.map(({ kind, reason }) => `${names[kind]}: ${reason}`).join('; ')
  if (forced !== null) {
    const probe = probes.find(({ kind }) => kind === forced)
    if (probe === undefined)
      throw unavailable(`The engine ${names[forced]} was asked for and is not there (${reasons}).`)
    return take(probe, `${names[forced]} was asked for`)
  }
  const gpu = probes.find(({ kind }) => kind === 'webgpu')
  const cpu = probes.find(({ kind }) => kind === 'wasm')
  if (gpu === undefined || cpu === undefined) {
    const only = gpu ?? cpu
    if (only === undefined) throw unavailable(`This tab has no engine (${reasons}).`)
    return take(only, `${names[only.kind]} is the only engine here (${reasons})`)
  }
  if (gpu.msPerLayer <= cpu.msPerLayer * gpuPreference) {
    const faster = cpu.msPerLayer / gpu.msPerLayer
    return take(
      gpu,
      faster >= 1.2
        ? `WebGPU on ${gpu.device} is ${times(faster)} faster than WASM`
        : 'WebGPU leaves the processor free',
    )
  }
  const faster = times(gpu.msPerLayer / cpu.msPerLayer)
  const why = gpu.isSoftware
    ? `the WebGPU adapter is software, and WASM is ${faster} faster`
    : `WASM is ${faster} faster than WebGPU here`
  return take(cpu, why)
}

function times(ratio: number): string {
  return `${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)} times`
}

function unavailable(message: string): ComputePoolError {
  return new ComputePoolError('engine_unavailable', message, {
    remedy: 'Use a current Chrome, Edge, Firefox or Safari.',
  })
}
