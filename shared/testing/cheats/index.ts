/** A gallery of cheats: each an engine that does less than it says, or somebody who lies about one. For tests. */
export { collude, type GarbageOptions, garbage, identity, replayed, staleEpoch } from './change-outputs.ts'
export { coarserPack, openWithoutLayer, prunedPack } from './cheaper-weights.ts'
export { type AuditorLie, lyingAccuser, lyingAuditor } from './lies.ts'
export { chainEngines, type OutputChange, type WhichSteps, withOutputs, withRun } from './wrap-engine.ts'
