/** Which layers a seat holds: half-open, so that neighbouring slices share a number and lengths subtract. */

/** Layers `[start, end)` of a model. */
export interface LayerRange {
  readonly start: number
  readonly end: number
}

/** Number of layers in the range. */
export function layerCount(range: LayerRange): number {
  return range.end - range.start
}

/** True where `ranges`, in order, hold each of `layers` layers exactly once. */
export function tilesModel(ranges: readonly LayerRange[], layers: number): boolean {
  let next = 0
  for (const range of ranges) {
    if (range.start !== next || range.end <= range.start) return false
    next = range.end
  }
  return next === layers
}
