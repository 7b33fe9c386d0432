/** Why a model has no place yet, in words and figures for the page and for a 503. It decides nothing. */
import type { PlacementInput } from './plan-placement.ts'

/** A size as people say it: decimal units, as browsers and disks use them. */
export function bytesInWords(sizeBytes: number): string {
  if (sizeBytes >= 1e9) return `${(sizeBytes / 1e9).toFixed(1)} GB`
  if (sizeBytes >= 1e6) return `${(sizeBytes / 1e6).toFixed(sizeBytes >= 1e8 ? 0 : 1)} MB`
  return `${Math.max(1, Math.round(sizeBytes / 1e3))} kB`
}

/** "the tab here offers", "the 2 tabs here offer". */
const tabsHere = (count: number): string => (count === 1 ? 'the tab here offers' : `the ${count} tabs here offer`)

/** Says what is missing where `planPlacement` found no plan with at least `fewest` seats. */
export function explainShortage(input: PlacementInput, fewest: number): string {
  const { model, peers } = input
  const count = peers.length
  if (count === 0) return `No tab is here yet; ${fewest === 1 ? '1 tab is' : `${fewest} tabs are`} needed.`
  const needed = model.layers * (model.layerBytes + model.kvBytesPerLayer) + model.embeddingBytes + model.headBytes
  const offered = peers.reduce((sum, peer) => sum + peer.memoryBudgetBytes, 0)
  const figures = `needs ${bytesInWords(needed)}, ${tabsHere(count)} ${bytesInWords(offered)}`
  if (offered < needed) return `The model ${figures}; open another tab or allow more memory.`
  if (count < fewest) {
    const missing = fewest - count
    return `${count} of ${fewest} tabs ${count === 1 ? 'is' : 'are'} here; open ${missing === 1 ? 'one more' : `${missing} more`}.`
  }
  return `The model ${figures}, but in shares that no split into at most ${Math.min(input.maxSeats, count)} seats fits; allow more memory in a tab.`
}
