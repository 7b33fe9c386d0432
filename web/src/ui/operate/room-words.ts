/** How much of the served model an offer has room for, in words. Pure. */
import { formatBytes } from '../format/format-number.ts'
import type { PackSizes } from '../stores/pack-store.ts'

/** The rest is for caches and the engine's own buffers; measured use decides once the tab has joined. */
const shareForWeights = 0.75

export function roomWords(offeredBytes: number, pack: PackSizes): string {
  const room = offeredBytes * shareForWeights
  if (room >= pack.totalBytes)
    return `Room for all ${pack.layers} layers of ${pack.model} (${formatBytes(pack.totalBytes)}).`
  const layers = Math.min(pack.layers - 1, Math.floor(room / pack.layerBytes))
  const each = `${formatBytes(pack.layerBytes)} each`
  if (layers < 1) return `Too little for one layer of ${pack.model} (${each}) and its caches.`
  return `Room for roughly ${layers} of the ${pack.layers} layers of ${pack.model} (${each}).`
}
