/** The token of the pool that `serve.ts` runs: what it is to hold is put together here, from pack, prices and prompt. */
import { defaultCheckPolicy } from '@computepool/shared/audit'
import type { PoolIntelligence } from '@computepool/shared/inft'
import type { Clock } from '@computepool/shared/ports'
import { type Inft, type InftSettings, openInft } from './inft/index.ts'
import type { Money, MoneySettings } from './payments/money-settings.ts'
import type { PackFolder } from './store/pack-folder.ts'

export interface OpenPoolInftOptions {
  readonly inft: InftSettings
  readonly settings: MoneySettings
  readonly money: Money
  readonly pack: PackFolder
  readonly prompt: string
  readonly url: string
  readonly clock: Clock
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: unknown) => void
}

/** Begins behind the till, and returns at once. */
export function openPoolInft(options: OpenPoolInftOptions): Inft {
  const { inft, settings, money, pack, prompt, url, clock, onNotice, onFault } = options
  const { manifest, manifestSha256 } = pack
  const intelligence = async (): Promise<PoolIntelligence> => {
    const { pricePerSecondAtomic } = await (await money.ready).terms()
    return {
      version: 1,
      model: { id: manifest.model, manifestSha256, layers: manifest.dimensions.layers },
      // Rings come and go: the pool splits the model as it finds best.
      spans: [],
      systemPrompt: prompt,
      policy: {
        pricePerSecondAtomic: String(pricePerSecondAtomic),
        stakeAtomic: String(settings.stakeAtomic ?? 0n),
        checkRate: defaultCheckPolicy.rate,
      },
    }
  }
  const { dataDir } = settings
  return openInft({ settings: inft, intelligence, chain: money.chain, url, dataDir, clock, onNotice, onFault })
}
