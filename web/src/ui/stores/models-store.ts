/** The models this origin serves, from `/v1/models`; asked when somebody first looks. */
import { z } from 'zod'
import { createExternalStore, type ReadableStore } from './external-store.ts'

const modelsSchema = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })).max(1000) })

export interface ModelsView {
  readonly status: 'unknown' | 'asking' | 'known' | 'failed'
  readonly ids: readonly string[]
}
export interface ModelsStore extends ReadableStore<ModelsView> {
  load(): void
}

export function createModelsStore(fetchModels: () => Promise<unknown>): ModelsStore {
  const store = createExternalStore<ModelsView>({ status: 'unknown', ids: [] })
  async function ask(): Promise<void> {
    try {
      const { data } = modelsSchema.parse(await fetchModels())
      store.set({ status: 'known', ids: data.map(model => model.id) })
    } catch {
      store.set({ status: 'failed', ids: [] })
    }
  }
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    load() {
      const { status } = store.getSnapshot()
      if (status === 'asking' || status === 'known') return
      store.set({ status: 'asking', ids: [] })
      void ask()
    },
  }
}

export const createBrowserModelsStore = (): ModelsStore =>
  createModelsStore(async () => {
    const response = await fetch('/v1/models')
    if (!response.ok) throw new Error(`/v1/models answered ${response.status}`)
    return response.json()
  })
