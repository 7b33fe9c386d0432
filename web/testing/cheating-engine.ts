/**
 * What a tab that cheats has in the place of the product's engine, with the same exports as the modules that it stands in for. Only the worker that
 * `e2e/harness/serve-cheating-worker.ts` bundles has it. Which cheat, that worker's first line says.
 */
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { garbage, identity, openWithoutLayer, replayed } from '../../shared/testing/cheats/index.ts'
import type { WebEngineKind } from '../src/engine/load-ort.ts'
import { openWebEngine as openHonestEngine } from '../src/engine/open-web-engine.ts'

/** Each of them works at any seat, and shows in what that seat sends: an exit’s rows nobody sees, only the tokens that it draws. */
export type Cheat = 'garbage' | 'replayed' | 'skipped layers'

export async function openWebEngine(kind: WebEngineKind, slice: SliceRequest): Promise<Engine> {
  const { cheat } = globalThis as unknown as { readonly cheat: Cheat }
  switch (cheat) {
    case 'garbage':
      return garbage(await openHonestEngine(kind, slice), { vocab: slice.manifest.dimensions.vocab })
    case 'replayed':
      return replayed(await openHonestEngine(kind, slice))
    case 'skipped layers':
      return openSkipping(kind, slice)
  }
}

/** An entry leaves out its last layer. An exit all of them: without one of them the demo model, sure as it is, draws the same tokens. */
async function openSkipping(kind: WebEngineKind, slice: SliceRequest): Promise<Engine> {
  const { start, end } = slice.layers
  if (start > 0) return identity(await openHonestEngine(kind, slice))
  return openWithoutLayer(part => openHonestEngine(kind, part), slice, end - 1)
}

/** Passed unseen: a cheat would show it honest work. */
export const proveSlice = async (): Promise<void> => undefined
