/** Lets a notice about one matter through at most every ten seconds: who floods a bridge must not flood its log. It knows no matter. */
import type { Clock } from '@computepool/shared/ports'

const everyMs = 10_000
/** Matters name peers, and anybody can name many. */
const maxMatters = 1000

/** The returned function takes what a notice is about, and its words. */
export function throttleNotices(
  tell: (text: string) => void,
  clock: Pick<Clock, 'monotonicMs'>,
): (about: string, text: string) => void {
  const toldMs = new Map<string, number>()
  return (about, text) => {
    const nowMs = clock.monotonicMs()
    const lastMs = toldMs.get(about)
    if (lastMs !== undefined && nowMs - lastMs < everyMs) return
    if (toldMs.size >= maxMatters) toldMs.clear()
    toldMs.set(about, nowMs)
    tell(text)
  }
}
