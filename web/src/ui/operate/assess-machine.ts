/**
 * What a machine can offer, in words: a verdict, findings with remedies, and a memory offer. Pure: the same facts give the same
 * sentences.
 */
import { formatBytes } from '../format/format-number.ts'
import type { Machine } from './machine.ts'

export interface Finding {
  readonly id: string
  /** `good` works, `slow` works at a price, `missing` does not work. */
  readonly level: 'good' | 'slow' | 'missing'
  readonly title: string
  readonly words: string
}

export interface MemoryOffer {
  readonly minBytes: number
  readonly maxBytes: number
  readonly defaultBytes: number
  readonly stepBytes: number
  /** Where the figures come from. */
  readonly basis: string
}

export interface Assessment {
  readonly canJoin: boolean
  readonly verdict: string
  readonly findings: readonly Finding[]
  readonly memory: MemoryOffer
}

const mb = 1e6
const stepBytes = 100 * mb
const assumedMemoryBytes = 4e9
/** WASM memory is 32-bit: 4 GiB at most, and the runtime needs room of its own. */
const wasmCeilingBytes = 3e9

export function assessMachine(machine: Machine): Assessment {
  const findings = [graphics(machine), wasm(machine), links(machine), ...address(machine)]
  const memory = offerMemory(machine)
  const canJoin = machine.hasWebRtc && (machine.hasWasm || machine.webgpu.status === 'present')
  return { canJoin, verdict: verdict(machine, canJoin, memory), findings, memory }
}

function verdict(machine: Machine, canJoin: boolean, memory: MemoryOffer): string {
  if (!canJoin) return 'This browser cannot hold layers. What is missing, and how to get it, is below.'
  const memoryWords = `about ${formatBytes(memory.defaultBytes)} to offer`
  const { webgpu } = machine
  if (webgpu.status === 'present' && !webgpu.isSoftware) return `WebGPU on ${webgpu.name}, ${memoryWords}.`
  const why = webgpu.status === 'present' ? 'graphics only in software' : 'no WebGPU'
  return `WASM on ${machine.threads} threads (${why}), ${memoryWords}. It works, slower than a graphics card.`
}

function graphics({ webgpu, isSecure }: Machine): Finding {
  const id = 'webgpu'
  if (webgpu.status === 'present') {
    if (webgpu.isSoftware) {
      const words = `${webgpu.name} emulates a graphics card on the processor. WASM is usually faster; a measurement decides when you join.`
      return { id, level: 'slow', title: 'WebGPU, in software only', words }
    }
    const f16 = webgpu.hasF16 ? 'with 16-bit arithmetic' : 'without 16-bit arithmetic, so in 32 bits'
    return { id, level: 'good', title: 'WebGPU', words: `${webgpu.name}, ${f16}.` }
  }
  const level = 'slow'
  if (webgpu.status === 'silent') {
    const words =
      'The graphics driver did not answer within a second. Close other tabs that use the graphics card, then check again.'
    return { id, level, title: 'WebGPU does not answer', words }
  }
  if (webgpu.status === 'no-adapter') {
    const words =
      'The browser has WebGPU but offers no graphics card. Turn on hardware acceleration in its settings and update the graphics driver, then restart the browser.'
    return { id, level, title: 'WebGPU without a graphics card', words }
  }
  const words = isSecure
    ? 'Use a current Chrome or Edge, Safari 26, or Firefox on Windows or macOS. On Linux, Chrome may need chrome://flags/#enable-unsafe-webgpu.'
    : 'Browsers hand out WebGPU only over https:// or on localhost. Open this page at such an address.'
  return { id, level, title: 'No WebGPU', words }
}

function wasm({ hasWasm, isIsolated, threads }: Machine): Finding {
  const id = 'wasm'
  if (!hasWasm)
    return {
      id,
      level: 'missing',
      title: 'No WebAssembly',
      words: 'The browser has it turned off, or is too old. Update it.',
    }
  if (!isIsolated) {
    const words =
      'The page is not isolated, so it gets one thread. The server must send COOP and COEP headers; a proxy in between may have dropped them.'
    return { id, level: 'slow', title: 'WASM, one thread', words }
  }
  return { id, level: 'good', title: 'WASM', words: `${threads} ${threads === 1 ? 'thread' : 'threads'}.` }
}

function links({ hasWebRtc }: Machine): Finding {
  const id = 'webrtc'
  if (hasWebRtc) return { id, level: 'good', title: 'WebRTC', words: 'This tab can link to other tabs directly.' }
  const words =
    'Tabs pass their work to each other over WebRTC. An extension or a policy has turned it off here: allow it for this page.'
  return { id, level: 'missing', title: 'No WebRTC', words }
}

function address({ isSecure, storageFreeBytes }: Machine): Finding[] {
  const id = 'storage'
  if (!isSecure) {
    const words =
      'At this address the browser keeps no model parts: each visit downloads them again. Use https:// or localhost.'
    return [{ id, level: 'slow', title: 'No private storage', words }]
  }
  if (storageFreeBytes === null) return []
  const words = `${formatBytes(storageFreeBytes)} free for model parts. A second visit starts from this disk.`
  return [{ id, level: 'good', title: 'Storage', words }]
}

function offerMemory({ deviceMemoryBytes, webgpu }: Machine): MemoryOffer {
  const total = deviceMemoryBytes ?? assumedMemoryBytes
  const usesGpu = webgpu.status === 'present' && !webgpu.isSoftware
  const ceiling = usesGpu ? total : Math.min(total, wasmCeilingBytes)
  const maxBytes = roundToStep(ceiling * 0.75)
  const defaultBytes = Math.min(maxBytes, roundToStep(ceiling * 0.5))
  const told =
    deviceMemoryBytes === null
      ? `The browser does not say how much memory there is; ${formatBytes(assumedMemoryBytes)} is assumed.`
      : `The browser reports ${formatBytes(deviceMemoryBytes)}; it may round or cap that figure.`
  const where = usesGpu ? 'No browser tells how much graphics memory is free: lower the offer if joining fails.' : ''
  return { minBytes: stepBytes, maxBytes, defaultBytes, stepBytes, basis: `${told} ${where}`.trim() }
}

function roundToStep(bytes: number): number {
  return Math.max(stepBytes, Math.floor(bytes / stepBytes) * stepBytes)
}
