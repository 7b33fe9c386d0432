/**
 * The monotonic time, drawn anew each frame while something moves; once a second where the reader asked for less motion; standing still
 * otherwise, at the time of the last drawing.
 */
import { useEffect, useState } from 'react'
import { useMediaQuery } from './use-media-query.ts'

export function useFrameClock(isMoving: boolean, nowMs: () => number): number {
  const [, redraw] = useState(0)
  const isCalm = useMediaQuery('(prefers-reduced-motion: reduce)')
  useEffect(() => {
    if (!isMoving) return
    const step = () => redraw(count => count + 1)
    if (isCalm) {
      const timer = setInterval(step, 1_000)
      return () => clearInterval(timer)
    }
    let frame = requestAnimationFrame(function draw() {
      step()
      frame = requestAnimationFrame(draw)
    })
    return () => cancelAnimationFrame(frame)
  }, [isMoving, isCalm])
  return nowMs()
}
