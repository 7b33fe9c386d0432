/** The sentences of a growing text that are surely over: each ends in a full stop, a question or exclamation mark, or a line. Pure. */
export function completeSentences(text: string): string[] {
  const parts = text.split(/(?<=[.!?…:])\s+|\n+/)
  return parts
    .slice(0, -1)
    .map(part => part.trim())
    .filter(part => part !== '')
}
