/**
 * What a tab that cheats has in the place of the product's engine, with the same exports as the modules that it stands in for. Only the worker that
 * `e2e/harness/serve-cheating-worker.ts` bundles has it. Which cheat, that worker's first line says.
 */
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { garbage, replayed, staleEpoch } from '../../shared/testing/cheats/index.ts'
import type { WebEngineKind } from '../src/engine/load-ort.ts'
import { openWebEngine as openHonestEngine } from '../src/engine/open-web-engine.ts'

/** Each of them works at any seat. */
export type Cheat = 'garbage' | 'replayed' | 'stale epoch'

export async function openWebEngine(kind: WebEngineKind, slice: SliceRequest): Promise<Engine> {
  const { cheat } = globalThis as unknown as { readonly cheat: Cheat }
  switch (cheat) {
    case 'garbage':
      return garbage(await openHonestEngine(kind, slice), { vocab: slice.manifest.dimensions.vocab })
    case 'replayed':
      return replayed(await openHonestEngine(kind, slice))
    case 'stale epoch':
      return staleEpoch(await openHonestEngine(kind, slice))
  }
}

/** Passed unseen: a cheat would show it honest work. */
export const proveSlice = async (): Promise<void> => undefined
