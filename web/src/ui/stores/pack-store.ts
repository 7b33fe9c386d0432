/** How large the served model is, layer by layer, from its pack's manifest: what turns a memory offer into layers. */
import { z } from 'zod'
import { createExternalStore, type ReadableStore } from './external-store.ts'

/** Only what is needed here; the peer runtime parses the whole manifest strictly before it trusts any of it. */
const sizesSchema = z.looseObject({
  model: z.string(),
  parts: z.array(z.looseObject({ name: z.string(), sizeBytes: z.number().positive() })).max(1000),
})

export interface PackSizes {
  readonly model: string
  readonly layers: number
  /** The largest layer. */
  readonly layerBytes: number
  readonly totalBytes: number
}

export interface PackStore extends ReadableStore<PackSizes | null> {
  /** Asks for the sizes of `model`; a second call for the same model asks nothing. */
  load(model: string): void
}

export function createPackStore(fetchManifest: (model: string) => Promise<unknown>): PackStore {
  const store = createExternalStore<PackSizes | null>(null)
  let asked: string | null = null
  async function ask(model: string): Promise<void> {
    try {
      const sizes = sizesOf(sizesSchema.parse(await fetchManifest(model)))
      if (asked === model) store.set(sizes)
    } catch {
      // The offer is then shown without layers; a later visit asks again.
      if (asked === model) asked = null
    }
  }
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    load(model) {
      if (asked === model) return
      asked = model
      store.set(null)
      void ask(model)
    },
  }
}

function sizesOf({ model, parts }: z.infer<typeof sizesSchema>): PackSizes | null {
  const layers = parts.filter(part => part.name.startsWith('layer-'))
  if (layers.length === 0) return null
  return {
    model,
    layers: layers.length,
    layerBytes: Math.max(...layers.map(part => part.sizeBytes)),
    totalBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
  }
}

export const createBrowserPackStore = (): PackStore =>
  createPackStore(async model => {
    const path = model.split('/').map(encodeURIComponent).join('/')
    const response = await fetch(`/packs/${path}/manifest.json`)
    if (!response.ok) throw new Error(`The manifest of ${model} answered ${response.status}`)
    return response.json()
  })
