/** Until when no new terms are made for a ring that could not agree: longer with each round that failed. It knows rings by their keys alone. */

export interface QuietRings {
  failed(key: string): void
  isQuiet(key: string): boolean
}

/** A round asks for stakes, of which owners give so many a day. */
const longestMs = 3_600_000
const mostRings = 1024

export function createQuietRings(nowMs: () => number, againMs: number): QuietRings {
  const quiet = new Map<string, { readonly untilMs: number; readonly rounds: number }>()
  return {
    failed: key => {
      const rounds = quiet.get(key)?.rounds ?? 0
      quiet.delete(key)
      // What could agree has no more use for it, and what stood still as long begins anew.
      for (const [other, { untilMs }] of quiet) if (nowMs() - untilMs > longestMs) quiet.delete(other)
      quiet.set(key, {
        untilMs: nowMs() + Math.min(longestMs, againMs * 2 ** rounds),
        rounds: Math.min(rounds + 1, 20),
      })
      if (quiet.size > mostRings) quiet.delete(quiet.keys().next().value!)
    },
    isQuiet: key => (quiet.get(key)?.untilMs ?? 0) > nowMs(),
  }
}
