/** Those who wait until somebody has nothing under way. It does not know what is. */

export interface Idlers {
  /** Resolves with the next `tell`. */
  wait(): Promise<void>
  /** Nothing is under way, or nothing will be any more. */
  tell(): void
}

export function createIdlers(): Idlers {
  let waiting: Array<() => void> = []
  return {
    wait: () =>
      new Promise(resolve => {
        waiting.push(resolve)
      }),
    tell: () => {
      const told = waiting
      waiting = []
      for (const resolve of told) resolve()
    },
  }
}
