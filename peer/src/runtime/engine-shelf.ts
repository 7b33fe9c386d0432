/** Keeps the loaded slice over a re-plan or a break: where a tab gets the same layers again, nothing is loaded twice. Holds one engine. */
import type { ComputePoolError } from '@computepool/shared/errors'
import type { LayerRange } from '@computepool/shared/model'
import type { Engine, EngineKind } from '@computepool/shared/ports'

/** What an engine was loaded for. */
export interface ShelfLabel {
  readonly model: string
  readonly manifestSha256: string
  readonly engineKind: EngineKind
  readonly layers: LayerRange
  readonly kvBudgetBytes: number
  readonly maxContext: number
}

export interface EngineShelf {
  /** The engine that is held, where it does for these layers with at least this budget and context. It stays held. */
  find(wanted: ShelfLabel): Engine | null
  put(label: ShelfLabel, engine: Engine): void
  /** What is held; null: nothing. */
  readonly label: ShelfLabel | null
  /** Frees what is held. */
  clear(): Promise<void>
}

/** `onLost`: the device of the engine that is held is gone; nothing is held any more. */
export function createEngineShelf(onLost: (error: ComputePoolError) => void = () => {}): EngineShelf {
  let held: { readonly label: ShelfLabel; readonly engine: Engine } | null = null

  return {
    find: wanted => (held !== null && doesFor(held.label, wanted) ? held.engine : null),
    put(label, engine) {
      held = { label, engine }
      void engine.lost.then(error => {
        if (held?.engine !== engine) return
        held = null
        onLost(error)
      })
    },
    get label() {
      return held?.label ?? null
    },
    async clear() {
      const dropped = held
      held = null
      await dropped?.engine.close()
    },
  }
}

function doesFor(held: ShelfLabel, wanted: ShelfLabel): boolean {
  return (
    held.manifestSha256 === wanted.manifestSha256 &&
    held.engineKind === wanted.engineKind &&
    held.layers.start === wanted.layers.start &&
    held.layers.end === wanted.layers.end &&
    held.kvBudgetBytes >= wanted.kvBudgetBytes &&
    held.maxContext >= wanted.maxContext
  )
}
