/** What a process was told by SIGTERM and Ctrl-C, from its start to its end: no signal is lost between two pieces of work. It ends nothing. */

export interface StopSignals {
  /** 0 until somebody asks to stop. */
  readonly heard: number
  /** Resolves at the first. */
  readonly first: Promise<void>
  /** Calls `work` with the number of each signal from now on; the returned function ends that. */
  attend(work: (heard: number) => void): () => void
}

export interface StopSignalsControl extends StopSignals {
  hear(): void
}

export function createStopSignals(): StopSignalsControl {
  let heard = 0
  let tellFirst = (): void => {}
  const first = new Promise<void>(resolve => {
    tellFirst = resolve
  })
  const listeners = new Set<(heard: number) => void>()
  return {
    get heard() {
      return heard
    },
    first,
    attend(work) {
      listeners.add(work)
      return () => listeners.delete(work)
    },
    hear() {
      heard += 1
      tellFirst()
      for (const listener of [...listeners]) listener(heard)
    },
  }
}
