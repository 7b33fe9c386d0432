/** How answers are drawn, and by whom, as the reader set it; empty means the server's own default. Kept in this browser. */
import { z } from 'zod'

export const samplingSettingsSchema = z.object({
  temperature: z.number().min(0).max(2).nullable(),
  maxTokens: z.int().min(1).max(100_000).nullable(),
  seed: z.int().min(0).max(0xffff_ffff).nullable(),
  /** The text goes to staked operators of good standing alone, or nowhere. */
  trustedEnds: z.boolean().default(false),
})
export type SamplingSettings = z.infer<typeof samplingSettingsSchema>

export const defaultSettings: SamplingSettings = { temperature: null, maxTokens: null, seed: null, trustedEnds: false }

const key = 'computepool.sampling'

export function readSettings(storage: Pick<Storage, 'getItem'> | null): SamplingSettings {
  try {
    return samplingSettingsSchema.parse(JSON.parse(storage?.getItem(key) ?? ''))
  } catch {
    return defaultSettings
  }
}

export function writeSettings(storage: Pick<Storage, 'setItem'> | null, settings: SamplingSettings): void {
  try {
    storage?.setItem(key, JSON.stringify(settings))
  } catch {
    // Storage is full or refused: the settings last until the page is closed.
  }
}
