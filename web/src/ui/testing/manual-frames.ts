/** Animation frames that a test draws one by one: a page that draws sixty a second is never at rest, and a test would wait for ever. */
import { act } from '@testing-library/react'
import { afterEach, beforeEach, vi } from 'vitest'

/** Call at the top of a test file; the result draws one frame. */
export function stubFrames(): () => void {
  let waiting = new Map<number, FrameRequestCallback>()
  let count = 0
  beforeEach(() => {
    waiting = new Map()
    vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => {
      count += 1
      waiting.set(count, callback)
      return count
    })
    vi.stubGlobal('cancelAnimationFrame', (id: number) => waiting.delete(id))
  })
  afterEach(() => vi.unstubAllGlobals())
  return () =>
    act(() => {
      const due = [...waiting.values()]
      waiting.clear()
      for (const callback of due) callback(0)
    })
}
