export { copyHeads, doubledCapacity, type HeadCopy, smallestCapacity } from './cache-growth.ts'
export { checkRow, rowTokens } from './check-row.ts'
export {
  activationElementBytes,
  activationFromValues,
  activationRows,
  activationValues,
  convertActivation,
  joinActivations,
} from './convert-activation.ts'
export { createSliceEngine } from './create-slice-engine.ts'
export { isDrawable, mayOverflow } from './drawable-rows.ts'
export { type EmbeddingReader, openEmbedding } from './embedding-reader.ts'
export { type ExitHead, openExitHead } from './exit-head.ts'
export { isFiniteActivation } from './finite-activation.ts'
export { bytesOf, float32ToBfloat16, floatsOf, wordsOf } from './float-formats.ts'
export { type LoadedTensor, type LoadWeightsInput, loadWeights } from './load-weights.ts'
export { createGrowingMemoryCaches, type MemoryCachesInput } from './memory-caches.ts'
export { openRuntimeEngine, type RuntimeHost } from './open-runtime-engine.ts'
export { layOutParts, randomParts } from './random-parts.ts'
export type {
  CacheKeeper,
  CacheRange,
  OpenSessionInput,
  Runtime,
  RuntimeSession,
  RuntimeTensor,
  RuntimeTensors,
} from './runtime.ts'
export { type Expansion, noExpansion } from './runtime.ts'
export { createSlabCaches, type SlabCachesInput } from './slab-caches.ts'
export type { Boundary, CacheBatch, CacheStep, SliceBackend } from './slice-backend.ts'
export { withoutDraft } from './without-draft.ts'
