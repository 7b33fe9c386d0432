export { checkRow, rowTokens } from './check-row.ts'
export {
  activationElementBytes,
  activationFromValues,
  activationRows,
  activationValues,
  convertActivation,
} from './convert-activation.ts'
export { createSliceEngine } from './create-slice-engine.ts'
export {
  bfloatsToFloats,
  bytesOf,
  floatsOf,
  floatsToBfloats,
  floatsToHalves,
  fromHalfBits,
  halfBits,
  halvesToFloats,
  wordsOf,
} from './float-formats.ts'
export type { Boundary, CacheStep, SliceBackend } from './slice-backend.ts'
