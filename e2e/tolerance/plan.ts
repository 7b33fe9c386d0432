/**
 * What is measured: cases, each one slice of one model over one text, and the ways in which it is worked. Calibration compares every two
 * ways of a case; the proof, other models and texts, compares each way with what an auditor would run. It runs nothing.
 */
import type { LayerRange, Quantisation } from '@computepool/shared/model'
import type { Cheat } from './cheats.ts'
import type { ModelName, Shape } from './models.ts'
import type { Way } from './ways.ts'

export interface Case {
  readonly name: string
  readonly purpose: 'calibration' | 'proof' | 'cheat'
  readonly model: ModelName
  readonly layers: LayerRange
  readonly text: number
  readonly positions: number
  readonly ways: readonly Way[]
  /** What the ways are compared with; every two of them where there is none. */
  readonly auditors: readonly Way[] | null
  readonly cheats: readonly Cheat[]
}

const native = (steps: Way['steps'], more: Partial<Way> = {}): Way => ({
  engine: 'native',
  dtype: 'f32',
  steps,
  ...more,
})
const half = (steps: Way['steps'], more: Partial<Way> = {}): Way => ({ ...native(steps, more), dtype: 'f16' })
const wasm = (steps: Way['steps'], more: Partial<Way> = {}): Way => ({ engine: 'wasm', dtype: 'f32', steps, ...more })
const webgpu = (steps: Way['steps'], more: Partial<Way> = {}): Way => ({ ...wasm(steps, more), engine: 'webgpu' })

const nativeWays = [
  ...([1, 2, 3, 8, 32, 64, 128] as const).map(chunk => native(chunk)),
  native('served'),
  native('rewound'),
  native(64, { threads: 2 }),
  native(1, { caches: 'growing' }),
  native(64, { caches: 'growing' }),
  native(8, { smallestCapacity: 16 }),
  native(64, { staysPacked: true }),
  native(1, { together: 8 }),
]
const halfWays = [half(1), half(16), half(128), half(64, { staysPacked: true })]
const wasmWays = [wasm(1), wasm(8), wasm(64), wasm('served'), wasm(16, { staysPacked: true })]
const tabPartners = [native(1), native(128), native('served'), half(16)]
const auditor = native(128)
const halfAuditor = half(128)

/** Where a slice of `layers` begins and ends: one layer, some in the middle, all. */
const slicesOf = {
  'deep-64': [span(0, 1), span(8, 12), span(0, 16), span(0, 48)],
  'qwen2-64': [span(0, 1), span(0, 4)],
  'llama-64': [span(0, 1), span(0, 4)],
  'wide-576': [span(0, 1), span(4, 8), span(0, 8)],
  demo: [span(0, 1), span(1, 4), span(3, 6), span(0, 6)],
} as const satisfies Record<ModelName['shape'], readonly LayerRange[]>

const quantisationsOf: Record<ModelName['shape'], readonly Quantisation[]> = {
  demo: ['q4', 'q8', 'f16'],
  'deep-64': ['q4', 'q8', 'f16', 'f32'],
  'qwen2-64': ['q4', 'q8'],
  'llama-64': ['q4', 'q8'],
  'wide-576': ['q4', 'q8'],
}
/** Far positions are for the trained model as it is served: they cost as much as all else. */
function positionsOf({ shape, quantisation, layers }: Sized): number {
  if (shape === 'demo' && quantisation === 'q8' && layers.end - layers.start === 6) return 512
  return shape === 'wide-576' || layers.end - layers.start > 16 ? 64 : 128
}

/** Plain weights are computed with as quantised ones are that were expanded: where those were measured deep, these need not be. */
function slicesFor({ shape, quantisation }: Pick<Sized, 'shape' | 'quantisation'>): readonly LayerRange[] {
  if (shape !== 'deep-64' || quantisation === 'q4' || quantisation === 'q8') return slicesOf[shape]
  return [span(8, 12), span(0, 16)]
}

interface Sized {
  readonly shape: ModelName['shape']
  readonly quantisation: Quantisation
  readonly layers: LayerRange
}
const shapes = Object.keys(slicesOf) as ModelName['shape'][]

function span(start: number, end: number): LayerRange {
  return { start, end }
}

interface CasesInput {
  readonly part: string
  readonly purpose: Case['purpose']
  /** Of random weights and of texts. */
  readonly seed: number
  readonly shapes: readonly ModelName['shape'][]
  readonly positions: (sized: Sized) => number
  readonly ways: readonly Way[]
  readonly auditors: readonly Way[] | null
  readonly quantisations?: readonly Quantisation[]
  readonly slices?: (shape: ModelName['shape']) => readonly LayerRange[]
  readonly cheats?: readonly Cheat[]
}

function casesOf(input: CasesInput): Case[] {
  const { part, purpose, seed, ways, auditors, cheats = [] } = input
  return input.shapes.flatMap(shape =>
    quantisationsOf[shape]
      .filter(quantisation => input.quantisations?.includes(quantisation) ?? true)
      .flatMap(quantisation =>
        (input.slices?.(shape) ?? slicesFor({ shape, quantisation })).map(layers => ({
          name: `${part}/${shape}/${quantisation}/${layers.start}-${layers.end}/${seed}`,
          purpose,
          // The demo model is one; its texts differ.
          model: { shape, seed: shape === 'demo' ? 0 : seed, quantisation },
          layers,
          text: seed,
          positions: input.positions({ shape, quantisation, layers }),
          ways,
          auditors,
          cheats,
        })),
      ),
  )
}

export interface PlanOptions {
  /** A first impression: few rows, whole models only, no WebGPU. */
  readonly isQuick: boolean
  /** Whether a tab's WebGPU computes in f16 here. */
  readonly hasGpuF16: boolean
}

export function planCases({ isQuick, hasGpuF16 }: PlanOptions): Case[] {
  const positions = (sized: Sized) => (isQuick ? 48 : positionsOf(sized))
  const few = (shape: ModelName['shape']) => slicesOf[shape].slice(-1)
  const whole = isQuick ? { slices: few } : {}
  const cases = casesOf({
    part: 'native',
    purpose: 'calibration',
    seed: 1,
    shapes,
    positions,
    ways: [...nativeWays, ...halfWays],
    auditors: null,
    ...whole,
  })
  cases.push(
    ...casesOf({
      part: 'native-proof',
      purpose: 'proof',
      seed: 11,
      shapes,
      positions,
      ways: [native(1), native(3), native('served'), native(8, { threads: 2 }), half('served')],
      auditors: [auditor, halfAuditor],
      ...whole,
    }),
  )
  const tabShapes: ModelName['shape'][] = ['deep-64', 'wide-576', 'demo']
  const tab = {
    shapes: tabShapes,
    positions: (sized: Sized) => (isQuick ? 32 : Math.min(256, positionsOf(sized))),
    ...whole,
  }
  cases.push(
    ...casesOf({
      ...tab,
      part: 'wasm',
      purpose: 'calibration',
      seed: 1,
      ways: [...wasmWays, ...tabPartners],
      auditors: null,
    }),
    ...casesOf({
      ...tab,
      part: 'wasm-proof',
      purpose: 'proof',
      seed: 11,
      ways: [wasm(1), wasm(64), wasm('served')],
      auditors: [auditor, halfAuditor, wasm(16)],
    }),
  )
  if (!isQuick) {
    const gpuHalf = hasGpuF16 ? [webgpu(16, { dtype: 'f16' }), webgpu('served', { dtype: 'f16' })] : []
    const gpu = {
      shapes: ['demo', 'deep-64', 'wide-576'] as const,
      positions: ({ shape }: Sized) => (shape === 'wide-576' ? 24 : 48),
      slices: (shape: ModelName['shape']) =>
        shape === 'demo' ? [span(0, 1), span(3, 6)] : shape === 'wide-576' ? [span(1, 2)] : [span(8, 12), span(0, 16)],
      quantisations: ['q4', 'q8'] as const,
    }
    cases.push(
      ...casesOf({
        ...gpu,
        part: 'webgpu',
        purpose: 'calibration',
        seed: 1,
        ways: [webgpu(16), webgpu('served'), webgpu(5), ...gpuHalf, wasm(64), wasm(1), ...tabPartners],
        auditors: null,
      }),
      ...casesOf({
        ...gpu,
        part: 'webgpu-proof',
        purpose: 'proof',
        seed: 11,
        ways: [webgpu(16), webgpu('served'), ...gpuHalf],
        auditors: [auditor, halfAuditor, wasm(64)],
      }),
    )
  }
  return [...cases, ...cheatCases(isQuick)]
}

function cheatCases(isQuick: boolean): Case[] {
  const positions = isQuick ? 48 : 128
  const one = (
    shape: Shape | 'demo',
    quantisation: Quantisation,
    layers: LayerRange,
    cheats: readonly Cheat[],
  ): Case => ({
    name: `cheat/${shape}/${quantisation}/${layers.start}-${layers.end}/21`,
    purpose: 'cheat',
    model: { shape, seed: shape === 'demo' ? 0 : 21, quantisation },
    layers,
    text: 21,
    positions: layers.end - layers.start > 16 ? positions / 2 : positions,
    ways: [],
    auditors: [auditor, halfAuditor],
    cheats,
  })
  const context: Cheat[] = [
    'context forgotten',
    'positions late by one',
    'sent as f16',
    'sent as bf16',
    'computed in f16',
  ]
  return [
    one('demo', 'q8', span(0, 6), ['weights q4', 'a layer skipped', ...context]),
    one('demo', 'q8', span(3, 6), ['weights q4', 'a layer skipped', ...context]),
    one('demo', 'q8', span(0, 1), ['weights q4', ...context]),
    one('demo', 'q8', span(4, 5), ['weights q4', ...context]),
    one('deep-64', 'f16', span(0, 48), ['weights q8', 'weights q4', 'a layer skipped', ...context]),
    one('deep-64', 'f16', span(8, 12), ['weights q8', 'weights q4', 'a layer skipped']),
    one('deep-64', 'q8', span(0, 48), ['weights q4', 'a layer skipped']),
    one('wide-576', 'f16', span(0, 1), ['weights q8', 'weights q4']),
    one('wide-576', 'q8', span(0, 8), ['weights q4', 'a layer skipped', ...context]),
    one('wide-576', 'q8', span(4, 5), ['weights q4', ...context]),
  ]
}
