/**
 * Opens slices so that they keep to the memory that the operator offered: the orchestrator deals layers by their packed bytes, and what
 * is unpacked for speed must find its place beside them. It chooses no provider.
 */
import { type Expansion, noExpansion } from '@computepool/shared/engine'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import type { NativeProvider } from '../engine/native-runtime.ts'
import { nativeExpansion, openNativeEngine } from '../engine/open-native-engine.ts'

export interface MemoryOffer {
  readonly memoryBudgetBytes: number
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads: number
}

/** Errors of the function that it returns: those of `openNativeEngine`. */
export function openWithinMemory({ memoryBudgetBytes, threads }: MemoryOffer) {
  return (provider: NativeProvider, slice: SliceRequest): Promise<Engine> =>
    openNativeEngine(slice, {
      provider,
      threads,
      expansion: provider === 'cpu' ? expansionWithin(memoryBudgetBytes - slice.kvBudgetBytes) : noExpansion,
    })
}

/** Half of what the caches leave: while a slice is loaded, its unpacked weights stand in memory twice. */
function expansionWithin(weightsBudgetBytes: number): Expansion {
  const { dtypes, upToBytes } = nativeExpansion
  return { dtypes, upToBytes: Math.max(0, Math.min(upToBytes, Math.floor(weightsBudgetBytes / 2))) }
}
