import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indexText, longestMatch } from './prompt-lookup.ts'

/** The definition, by trying everything. */
function plainGuess(text: readonly number[], count: number): { match: number; tokens: number[] } | null {
  let best: { end: number; match: number } | null = null
  for (let end = text.length - 2; end >= 1; end--) {
    let match = 0
    while (match < longestMatch && match <= end && text[end - match] === text[text.length - 1 - match]) match += 1
    if (match >= 2 && match > (best?.match ?? 0)) best = { end, match }
  }
  if (best === null) return null
  const grown = [...text]
  for (let i = 0; i < count; i++) grown.push(grown[best.end + 1 + i]!)
  return { match: best.match, tokens: grown.slice(text.length) }
}

const smallText = fc.array(fc.nat(3), { maxLength: 60 })

describe('a guess', () => {
  it('is what followed the longest earlier occurrence of the end, of equals the latest', () => {
    expect(indexText([1, 2, 3, 9, 1, 2, 3, 8, 7, 1, 2, 3]).guess(3)).toEqual({ match: 3, tokens: [8, 7, 1] })
    expect(indexText([5, 1, 2, 9, 6, 1, 2, 8, 5, 1, 2]).guess(2)).toEqual({ match: 3, tokens: [9, 6] })
  })

  it('goes on within itself where it reaches the end', () => {
    expect(indexText([4, 1, 2, 1, 2]).guess(5)).toEqual({ match: 2, tokens: [1, 2, 1, 2, 1] })
    expect(indexText([7, 7, 7]).guess(4)).toEqual({ match: 2, tokens: [7, 7, 7, 7] })
  })

  it('is none where the end never occurred, or only its last token did', () => {
    for (const text of [[], [1], [1, 1], [1, 2], [3, 2, 1, 2], [1, 2, 3, 4]])
      expect(indexText(text).guess(4)).toBeNull()
  })

  it('equals the definition, however the text grew', () => {
    fc.assert(
      fc.property(smallText, smallText, fc.integer({ min: 1, max: 16 }), (before, after, count) => {
        let grown = indexText(before)
        for (const token of after) grown = grown.append([token])
        const whole = [...before, ...after]
        expect(grown.length).toBe(whole.length)
        expect(grown.guess(count)).toEqual(plainGuess(whole, count))
        expect(indexText(before).append(after).guess(count)).toEqual(plainGuess(whole, count))
      }),
      { numRuns: 2000, seed: 20261122 },
    )
  })

  it('stays what it was for a text that others grew from', () => {
    fc.assert(
      fc.property(smallText, smallText, smallText, (root, left, right) => {
        const text = indexText(root)
        const a = text.append(left)
        const b = text.append(right)
        expect(text.guess(4)).toEqual(plainGuess(root, 4))
        expect(a.guess(4)).toEqual(plainGuess([...root, ...left], 4))
        expect(b.guess(4)).toEqual(plainGuess([...root, ...right], 4))
      }),
      { numRuns: 1000, seed: 20261122 },
    )
  })

  it('is found across the growth of a long text', () => {
    const tokens = Array.from({ length: 5000 }, (_, i) => (i * i * 31 + i) % 9973)
    let text = indexText(tokens.slice(0, 20))
    for (let at = 20; at < tokens.length; at += 7) text = text.append(tokens.slice(at, at + 7))
    expect(text.append(tokens.slice(30, 46)).guess(8)).toEqual({ match: 16, tokens: tokens.slice(46, 54) })
  })
})
