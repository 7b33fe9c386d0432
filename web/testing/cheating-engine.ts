/**
 * What a tab that cheats has in the place of the product's engine, with the same exports as the modules that it stands in for. Only the worker that
 * `e2e/harness/serve-cheating-worker.ts` bundles has it. Which cheat, that worker's first line says; since when, the channel `cheat`.
 */
import type { Engine, EngineOutput, SliceRequest } from '@computepool/shared/ports'
import { garbage, openWithoutLayer, replayed, withRun } from '../../shared/testing/cheats/index.ts'
import type { WebEngineKind } from '../src/engine/load-ort.ts'
import { openWebEngine as openHonestEngine } from '../src/engine/open-web-engine.ts'

/** Each of them works at any seat, and shows in what that seat sends, or an exit signs that it drew from. */
export type Cheat = 'garbage' | 'replayed' | 'skipped layers'

let isTold = false
new BroadcastChannel('cheat').onmessage = () => {
  isTold = true
}

export async function openWebEngine(kind: WebEngineKind, slice: SliceRequest): Promise<Engine> {
  const { cheat } = globalThis as unknown as { readonly cheat: Cheat }
  const honest = await openHonestEngine(kind, slice)
  switch (cheat) {
    case 'garbage':
      return onceTold(honest, garbage(honest, { vocab: slice.manifest.dimensions.vocab }))
    case 'replayed':
      return onceTold(honest, replayed(honest))
    case 'skipped layers':
      return onceTold(honest, await openSkipping(kind, slice, honest))
  }
}

/** An entry leaves out its last layer, an exit its first. */
async function openSkipping(kind: WebEngineKind, slice: SliceRequest, honest: Engine): Promise<Engine> {
  const { start, end } = slice.layers
  const skipping = await openWithoutLayer(part => openHonestEngine(kind, part), slice, start > 0 ? start : end - 1)
  return {
    ...skipping,
    close: async () => {
      await skipping.close()
      await honest.close()
    },
  }
}

/** A request is honest or not from its first row to its last: the two may have caches of their own. `cheating` closes both. */
function onceTold(honest: Engine, cheating: Engine): Engine {
  const chosen = new Map<string, Engine>()
  const engineOf = (requestId: string): Engine => {
    const engine = chosen.get(requestId) ?? (isTold ? cheating : honest)
    chosen.set(requestId, engine)
    return engine
  }
  return {
    ...withRun(honest, async rows => {
      const outputs: EngineOutput[] = []
      for (const row of rows) outputs.push(...(await engineOf(row.requestId).run([row])))
      return outputs
    }),
    forget: requestId => engineOf(requestId).forget(requestId),
    keep: requestId => engineOf(requestId).keep(requestId),
    close: () => cheating.close(),
  }
}

/** Passed unseen: a cheat would show it honest work. */
export const proveSlice = async (): Promise<void> => undefined
