/**
 * Starts on a state that was cut down, and on the uncut one where that fails: cutting saves space and must never cost the chain. It
 * knows the files; what is started is given to it.
 */
import { rm } from 'node:fs/promises'
import { type CompactedState, compactState, putUncutBack, uncutFile } from './compact-state.ts'

export interface CompactedStart<T> {
  readonly file: string
  readonly start: () => Promise<T>
  readonly onNotice: (notice: string) => void
}

/** `compacted` is null where the state stayed as it was. @throws what the second start throws; chain_state_invalid. */
export async function startCompacted<T>({ file, start, onNotice }: CompactedStart<T>) {
  const compacted = await compactState(file)
  if (compacted?.restored) onNotice('The chain’s state was cut off by a crash; the last whole one is used.')
  if (compacted?.uncutBecause) {
    onNotice(`The chain’s state could not be cut down (${compacted.uncutBecause}); it goes on as it was.`)
  }
  let cut: CompactedState | null = compacted === undefined || compacted.uncutBecause ? null : compacted
  const started = await start().catch(async thrown => {
    if (cut === null || !(await putUncutBack(file))) throw thrown
    cut = null
    const again = await start()
    onNotice('The chain did not start on a state that was cut down; it goes on from the uncut one.')
    return again
  })
  await rm(uncutFile(file), { force: true })
  return { started, compacted: cut as CompactedState | null }
}
