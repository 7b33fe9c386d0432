/** In which of its coalitions an operator is accused: where those whom it harmed are paid for it. It asks the chain, and sends nothing. */
import type { Hex } from '@computepool/shared/coalition'
import type { CoalitionReader, StakeView } from '../coalition/index.ts'

export interface Sought {
  /** Lower case, as all wallets here. */
  readonly accused: Hex
  /** Of the harmed ring. */
  readonly members: readonly string[]
  readonly nowSeconds: bigint
}

/** Whether a stake can be taken. What unbonds is liable to the end of it. */
export const isLiable = (stake: StakeView, nowSeconds: bigint): boolean =>
  stake.amountAtomic > 0n && (stake.isMember || nowSeconds < stake.releasableAt)

/**
 * That with most of the ring; among equals that with most to take, then the newest. Null where it has no stake. Errors:
 * `chain_unreachable`.
 */
export async function coalitionToAccuse(
  reader: Pick<CoalitionReader, 'stakesOf'>,
  among: readonly bigint[],
  { accused, members, nowSeconds }: Sought,
): Promise<bigint | null> {
  const others = [...new Set(members)].filter(member => member !== accused) as Hex[]
  let best: { readonly id: bigint; readonly harmed: number; readonly amountAtomic: bigint } | null = null
  for (const id of [...among].sort((a, b) => (a > b ? -1 : 1))) {
    const [own, ...theirs] = await reader.stakesOf(id, [accused, ...others])
    if (!isLiable(own!, nowSeconds)) continue
    const harmed = theirs.filter(({ isMember }) => isMember).length
    const { amountAtomic } = own!
    if (best === null || harmed > best.harmed || (harmed === best.harmed && amountAtomic > best.amountAtomic))
      best = { id, harmed, amountAtomic }
  }
  return best?.id ?? null
}
