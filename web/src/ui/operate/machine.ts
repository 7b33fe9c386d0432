/**
 * What this browser says about the machine, asked in one go and answered within a second. It measures nothing: the peer runtime
 * measures each engine after joining.
 */
export interface Machine {
  /** Whether the page's address lets a browser hand out WebGPU and private storage. */
  readonly isSecure: boolean
  /** WASM runs on several threads only where this is true. */
  readonly isIsolated: boolean
  readonly hasWasm: boolean
  readonly hasWebRtc: boolean
  readonly webgpu:
    | { readonly status: 'absent' | 'no-adapter' | 'silent' }
    | {
        readonly status: 'present'
        readonly name: string
        readonly isSoftware: boolean
        readonly hasF16: boolean
        readonly maxBufferBytes: number
      }
  /** The browser's own coarse figure, capped (often at 8 GB); null where it tells nothing. */
  readonly deviceMemoryBytes: number | null
  readonly threads: number
  /** What private storage has left for model parts; null where it tells nothing. */
  readonly storageFreeBytes: number | null
}

export type ProbeMachine = () => Promise<Machine>

/** A driver that hangs must not hang the page: after this the adapter counts as silent. */
const adapterDeadlineMs = 900

export async function probeMachine(): Promise<Machine> {
  const [webgpu, storageFreeBytes] = await Promise.all([probeWebGpu(), probeStorage()])
  const deviceMemory = (navigator as { deviceMemory?: number }).deviceMemory
  return {
    isSecure: globalThis.isSecureContext,
    isIsolated: globalThis.crossOriginIsolated,
    hasWasm: typeof WebAssembly === 'object',
    hasWebRtc: typeof RTCPeerConnection === 'function',
    webgpu,
    deviceMemoryBytes: deviceMemory === undefined ? null : deviceMemory * 1e9,
    threads: navigator.hardwareConcurrency || 1,
    storageFreeBytes,
  }
}

async function probeWebGpu(): Promise<Machine['webgpu']> {
  if (!('gpu' in navigator) || navigator.gpu === undefined) return { status: 'absent' }
  const silent = new Promise<'silent'>(resolve => setTimeout(() => resolve('silent'), adapterDeadlineMs))
  const answer = await Promise.race([
    navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null),
    silent,
  ])
  if (answer === 'silent') return { status: 'silent' }
  if (answer === null) return { status: 'no-adapter' }
  const { vendor, architecture, description, device } = answer.info
  const isSoftware =
    answer.info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe/i.test(architecture + description)
  return {
    status: 'present',
    name: adapterName({ vendor, architecture, description, device }),
    isSoftware,
    hasF16: answer.features.has('shader-f16'),
    maxBufferBytes: answer.limits.maxBufferSize,
  }
}

/** Browsers fill in some of these and blank the rest, each its own way. */
export function adapterName(info: {
  vendor: string
  architecture: string
  description: string
  device: string
}): string {
  if (info.description.trim() !== '') return info.description.trim()
  const words = [info.vendor, info.architecture || info.device].filter(word => word.trim() !== '')
  return words.length === 0 ? 'an adapter that does not tell its name' : words.join(' ')
}

async function probeStorage(): Promise<number | null> {
  try {
    const { quota, usage } = await navigator.storage.estimate()
    return quota === undefined ? null : Math.max(0, quota - (usage ?? 0))
  } catch {
    return null
  }
}
