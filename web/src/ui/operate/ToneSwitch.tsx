/** The quiet tone, for operators who keep the tab hidden and choose to: off unless asked for, and off again when serving ends. */
import { useEffect, useState } from 'react'
import { type QuietTone, startQuietTone } from './quiet-tone.ts'

export function ToneSwitch() {
  const [tone, setTone] = useState<QuietTone | null>(null)
  const [isSounding, setIsSounding] = useState(false)
  useEffect(() => {
    if (tone === null) return
    const look = (): void => setIsSounding(tone.isSounding())
    look()
    const forget = tone.onChange(look)
    return () => {
      forget()
      void tone.stop()
    }
  }, [tone])
  if (typeof AudioContext !== 'function') return null
  const isOn = tone !== null
  return (
    <label className="choice">
      {/* The change itself is the gesture that browsers ask for before they let a page sound. */}
      <input
        type="checkbox"
        checked={isOn}
        onChange={event => setTone(event.target.checked ? startQuietTone() : null)}
      />
      <span>
        Play a barely audible tone.
        <span role="status" data-testid="tone-state">
          {isOn ? (isSounding ? ' It sounds.' : ' The browser does not let it sound: it helps nothing now.') : ''}
        </span>
      </span>
    </label>
  )
}
