/**
 * SentencePiece keeps a score for each piece where byte-level BPE keeps a list of merges. Joining any two pieces into a third of the vocabulary, best
 * score first, is the same as what SentencePiece does. It knows no file format.
 */

/** All merges that make a piece of `tokens` out of two others, in the order in which they are tried. */
export function mergesFromScores(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const merges: { left: string; right: string; leftId: number; rightId: number; score: number }[] = []
  tokens.forEach((token, id) => {
    const letters = [...token]
    for (let cut = 1, at = letters[0]?.length ?? 0; cut < letters.length; at += letters[cut++]!.length) {
      const [left, right] = [token.slice(0, at), token.slice(at)]
      const [leftId, rightId] = [ids.get(left), ids.get(right)]
      if (leftId !== undefined && rightId !== undefined)
        merges.push({ left, right, leftId, rightId, score: scores[id]! })
    }
  })
  merges.sort((a, b) => b.score - a.score || a.leftId - b.leftId || a.rightId - b.rightId)
  return merges.map(({ left, right }) => [left, right])
}
