import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tinyCodec } from '../../testing/tiny-codec.ts'
import { createDetokeniser } from './detokenise.ts'

const codec = tinyCodec()
const imEnd = 286

function run(tokens: readonly number[], stopStrings: readonly string[] = [], stripFirstSpace = false) {
  const detokeniser = createDetokeniser({ codec, stopStrings, stripFirstSpace })
  const parts: string[] = []
  for (const token of tokens) {
    const { text, isStopped } = detokeniser.push(token)
    parts.push(text)
    if (isStopped) return { parts, text: parts.join(''), isStopped }
  }
  const last = detokeniser.finish()
  parts.push(last.text)
  return { parts, text: parts.join(''), isStopped: last.isStopped }
}

const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🦊', ' ', '中', '\n'), maxLength: 30 })

describe('createDetokeniser', () => {
  it('gives back the text, never half a character', () => {
    fc.assert(
      fc.property(texts, text => {
        const { parts, text: got } = run(codec.encode(text))
        expect(got).toBe(text)
        expect(parts.every(part => !/[\ufffd\p{Surrogate}]/u.test(part))).toBe(true)
      }),
    )
  })

  it('cuts at the first stop string, wherever tokens end', () => {
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '🦊', ' '), minLength: 1, maxLength: 4 }), {
      maxLength: 4,
    })
    fc.assert(
      fc.property(texts, stops, (text, stopStrings) => {
        const places = stopStrings.map(stop => text.indexOf(stop)).filter(place => place >= 0)
        const { text: got, isStopped } = run(codec.encode(text), stopStrings)
        expect(isStopped).toBe(places.length > 0)
        expect(got).toBe(places.length > 0 ? text.slice(0, Math.min(...places)) : text)
      }),
      { numRuns: 300 },
    )
  })

  it('waits for a longer stop string that began before a shorter one', () => {
    expect(run(codec.encode('abb'), ['abb', 'b'])).toMatchObject({ text: '', isStopped: true })
    expect(run(codec.encode('abc'), ['abb', 'b'])).toMatchObject({ text: 'a', isStopped: true })
    expect(run(codec.encode('ab'), ['abb', 'b'])).toMatchObject({ text: 'a', isStopped: true })
  })

  it('holds back what may become a stop string, and gives it when it does not', () => {
    const { parts } = run(codec.encode('xEN!'), ['END'])
    expect(parts).toEqual(['x', '', '', 'EN!', ''])
  })

  it('leaves special tokens out', () => {
    expect(run([...codec.encode('Hi'), imEnd]).text).toBe('Hi')
  })

  it('replaces a character that never became whole', () => {
    const [first] = codec.encode('é')
    expect(run([first!])).toMatchObject({ parts: ['', '\ufffd'] })
  })

  it('takes one leading space off where the tokenizer put it there', () => {
    expect(run(codec.encode('  Hi'), [], true).text).toBe(' Hi')
  })
})
