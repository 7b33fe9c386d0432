/**
 * Stakes in registries of older code, where nobody founds or re-splits anything any more: ends what is over there and gives back what is
 * free, as the desk does in today's. It offers no terms and hears no peer.
 */
import type { Hex } from '@computepool/shared/coalition'
import type { CoalitionReader } from '../coalition/index.ts'
import { letGo } from './let-go.ts'
import { createStakeBook } from './stake-book.ts'
import { createPictureReader } from './stake-picture.ts'
import type { StakeDeskOptions } from './stake-ports.ts'

export interface SweepFormer extends Pick<StakeDeskOptions, 'db' | 'clock' | 'relay' | 'vault' | 'onFault'> {
  readonly chainId: number
  readonly readerOf: (registry: FormerRegistry) => CoalitionReader
}

export interface FormerRegistry {
  readonly address: Hex
  /** Before which there is nothing to find. */
  readonly block: string
}

/** Unbonding takes minutes or a day, and nobody waits for an answer to this. */
const sweepEveryMs = 600_000
/** Each of them lets something go that the one before made free. */
const mostRounds = 8

/** Sweeps now, and again while anything is left there. */
export function keepSweeping({
  registries,
  ...sweep
}: SweepFormer & { readonly registries: readonly FormerRegistry[] }): {
  /** After the sweep that is under way. Idempotent. */
  close(): Promise<void>
} {
  let isClosed = false
  let cancel = (): void => {}
  let passing = Promise.resolve()
  const pass = async (): Promise<void> => {
    const left = await sweepFormer(sweep, registries)
    if (left === 0 || isClosed) return
    cancel = sweep.clock.schedule(sweepEveryMs, () => {
      passing = pass()
    })
  }
  passing = pass()
  return {
    close: async () => {
      isClosed = true
      cancel()
      await passing
    },
  }
}

/** How many coalitions are not done with yet. What fails in one registry is told, and keeps no other from being swept. */
export async function sweepFormer(sweep: SweepFormer, registries: readonly FormerRegistry[]): Promise<number> {
  let left = 0
  for (const registry of registries) {
    left += await sweepOne(sweep, registry).catch((thrown: unknown) => {
      sweep.onFault(thrown)
      return 1
    })
  }
  return left
}

async function sweepOne(sweep: SweepFormer, registry: FormerRegistry): Promise<number> {
  const { db, clock, relay, vault, chainId, onFault } = sweep
  const coalition = registry.address.toLowerCase() as Hex
  const book = createStakeBook(db, { chainId, registry: coalition, vault: vault.vault.toLowerCase() })
  if ((await book.open()).length === 0) return 0
  const reader = sweep.readerOf(registry)
  const pictures = createPictureReader(reader)
  for (let round = 0; round < mostRounds; round++) {
    const rows = await book.open()
    for (const { state, coalition: id, termsHash } of rows) {
      // A proposal that was sent may be there, and nobody noted its number.
      const found = id ?? (state === 'offered' ? 0n : await reader.idOf(termsHash))
      if (id === null && found !== 0n) await book.change(termsHash, { coalitionId: String(found) })
      if (id === null && found === 0n) {
        await book.over(termsHash, 'The registry is a former one.')
        await book.change(termsHash, { isClosed: true })
      }
    }
    const known = await book.open()
    const hasSent = await letGo({
      ...{ book, reader, relay, place: { chainId, coalition }, onFault },
      picture: await pictures.read(known, await book.guilty()),
      nowSeconds: BigInt(Math.max(Math.floor(clock.wallMs() / 1000), await vault.nowSeconds())),
      busy: new Set(),
      fateOf: () => 'send',
      proposalEndsAt: id => known.find(row => row.coalition === id)?.terms.proposalEndsAt ?? 0n,
      forget: pictures.forget,
      kill: async () => {},
    })
    if (!hasSent) break
  }
  return (await book.open()).length
}
