/** Something wider than the page: it scrolls by itself, also by keyboard, and never makes the page scroll sideways. */
import type { ReactNode } from 'react'

export function ScrollRegion({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without a tab stop a keyboard cannot scroll it
    <section className="scroll-x" tabIndex={0} aria-label={label}>
      {children}
    </section>
  )
}
