/** Copies a text and says that it did, for eyes and for screen readers. */
import { useEffect, useState } from 'react'

const shownMs = 1_600

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [outcome, setOutcome] = useState<'none' | 'copied' | 'refused'>('none')
  useEffect(() => {
    if (outcome === 'none') return
    const timer = setTimeout(() => setOutcome('none'), shownMs)
    return () => clearTimeout(timer)
  }, [outcome])
  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      setOutcome('copied')
    } catch {
      setOutcome('refused')
    }
  }
  const words = { none: 'Copy', copied: 'Copied', refused: 'Select and copy by hand' }[outcome]
  return (
    <button type="button" className="button quiet small" onClick={copy} aria-label={outcome === 'none' ? label : words}>
      <span aria-live="polite">{words}</span>
    </button>
  )
}
