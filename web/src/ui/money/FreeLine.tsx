/** The one line that free mode shows of money. */
export function FreeLine({ words }: { words: string }) {
  return (
    <p className="hint" data-testid="free-mode">
      Free mode: {words}
    </p>
  )
}
