/** Tells a screen reader what moves, at a calm rate: when it starts and stops, and every so often meanwhile. Frames would be noise. */
import { useEffect, useRef, useState } from 'react'

const everyMs = 20_000

export function CalmReport({ isMoving, words }: { isMoving: boolean; words: () => string }) {
  const latest = useRef(words)
  latest.current = words
  const [text, setText] = useState('')
  const [isReporting, setReporting] = useState(false)
  // Nothing is said before the first movement: the page itself was just read.
  if (isMoving && !isReporting) setReporting(true)
  useEffect(() => {
    if (!isReporting) return
    setText(latest.current())
    if (!isMoving) return
    const timer = setInterval(() => setText(latest.current()), everyMs)
    return () => clearInterval(timer)
  }, [isMoving, isReporting])
  return (
    <p className="visually-hidden" aria-live="polite" data-testid="calm-report">
      {text}
    </p>
  )
}
