/** Keeps the loaded slice over a re-plan: where a tab gets the same layers again, nothing is loaded twice. Holds one engine. */
import type { Engine } from '@computepool/shared/ports'

export interface EngineShelf {
  /** The engine that was put away under `key`, if it still is there. */
  take(key: string): Engine | null
  put(key: string, engine: Engine): void
  /** Frees what is held. */
  clear(): Promise<void>
}

export function createEngineShelf(): EngineShelf {
  let held: { readonly key: string; readonly engine: Engine } | null = null

  async function clear(): Promise<void> {
    const dropped = held
    held = null
    await dropped?.engine.close()
  }
  return {
    take: key => (held?.key === key ? held.engine : null),
    put(key, engine) {
      held = { key, engine }
      void engine.lost.then(() => {
        if (held?.engine === engine) held = null
      })
    },
    clear,
  }
}
