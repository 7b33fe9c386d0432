/** What a WebGPU adapter is and what follows from it for the engine; it opens no device. */
import type { FloatType } from '@computepool/shared/graph'

export interface AdapterFacts {
  /** In words, e.g. "nvidia ampere" or "google swiftshader (software)". */
  readonly device: string
  readonly isSoftware: boolean
  readonly float: FloatType
  /** Most positions in one row. */
  readonly maxChunk: number
  readonly maxBufferBytes: number
  readonly maxBindingBytes: number
}

/** Rows of a prefill chunk on a real GPU: enough to fill it, few enough to answer others in between. */
const fullChunk = 256
/**
 * From 32 rows on, ONNX Runtime's attention takes a kernel that is silently wrong where subgroups are narrower than 16 (seen on
 * SwiftShader, whose are 4 wide; wrong from row 4 on).
 */
const safeChunk = 16
const narrowestSubgroup = 16

export function describeAdapter(adapter: GPUAdapter): AdapterFacts {
  const { info, limits } = adapter
  const isSoftware =
    info.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|software|basic render/i.test(`${info.architecture} ${info.device} ${info.description}`)
  const name =
    [info.vendor, info.architecture, info.description].filter(word => word !== '').join(' ') || 'unnamed adapter'
  // An adapter that does not tell its subgroups gets the chunk that is right on all.
  const subgroup = info.subgroupMinSize ?? 0
  return {
    device: isSoftware ? `${name} (software)` : name,
    isSoftware,
    float: adapter.features.has('shader-f16') ? 'f16' : 'f32',
    maxChunk: !isSoftware && subgroup >= narrowestSubgroup ? fullChunk : safeChunk,
    maxBufferBytes: limits.maxBufferSize,
    maxBindingBytes: limits.maxStorageBufferBindingSize,
  }
}

/** This host's adapter, or why there is none. */
export async function requestAdapter(): Promise<{ readonly adapter: GPUAdapter } | { readonly reason: string }> {
  const gpu = globalThis.navigator?.gpu
  if (gpu === undefined) return { reason: 'this browser has no WebGPU' }
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    return adapter === null ? { reason: 'WebGPU found no adapter on this machine' } : { adapter }
  } catch (error) {
    return { reason: `WebGPU refused its adapter: ${error instanceof Error ? error.message : String(error)}` }
  }
}
