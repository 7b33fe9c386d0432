/**
 * The cheapest ways of cheating on a slice's work, weakest first in mind: those that save something and change the answer least. A cheat
 * is caught by the same comparison as honest work is accepted by.
 */
import { activationFromValues, activationValues } from '@computepool/shared/engine'
import type { LayerRange, Quantisation } from '@computepool/shared/model'
import type { ActivationDtype } from '@computepool/shared/ports'
import type { Weights } from './requantise.ts'
import type { Way } from './ways.ts'
import type { Outcome, SliceInput } from './work.ts'

export type Cheat =
  | 'weights q8'
  | 'weights q4'
  | 'a layer skipped'
  /** The second half is worked as if the first had not been there: no prefill, a smaller cache. */
  | 'context forgotten'
  /** From the half on, every position is one too far: rotated wrongly against what came before. */
  | 'positions late by one'
  | 'sent as f16'
  | 'sent as bf16'
  | 'computed in f16'

/** Works `input` on `layers` of the model in the encoding told, or in its own. */
export type WorkSlice = (work: {
  readonly quantisation?: Quantisation
  readonly layers: LayerRange
  readonly input: SliceInput
  readonly way: Way
}) => Promise<Outcome>

export interface CheatInput {
  readonly weights: Weights
  readonly layers: LayerRange
  readonly input: SliceInput
  /** How it would be worked honestly. */
  readonly way: Way
  readonly work: WorkSlice
}

export interface Cheated {
  readonly boundary: Float32Array
  readonly logits: Float32Array | null
  /** The first row that the cheat touches. */
  readonly from: number
}

/** What a seat sends that cheats so. */
export async function cheatOn(cheat: Cheat, { weights, layers, input, way, work }: CheatInput): Promise<Cheated> {
  const { hidden, vocab } = weights.manifest.dimensions
  const whole = (outcome: Outcome): Cheated => ({ ...outcome, from: 0 })
  const positions = 'values' in input ? input.values.length / hidden : input.tokens.length
  const half = positions >> 1
  const rows = (from: number, to: number): SliceInput =>
    'values' in input
      ? { values: input.values.subarray(from * hidden, to * hidden) }
      : { tokens: input.tokens.slice(from, to) }
  switch (cheat) {
    case 'weights q8':
    case 'weights q4':
      return whole(await work({ quantisation: cheat === 'weights q8' ? 'q8' : 'q4', layers, input, way }))
    case 'a layer skipped': {
      // The middle one: the first and the last of a model weigh most.
      const skipped = layers.start + ((layers.end - layers.start) >> 1)
      const before = await work({ layers: { start: layers.start, end: skipped }, input, way })
      if (skipped + 1 === layers.end) return whole(before)
      const rest = { start: skipped + 1, end: layers.end }
      return whole(await work({ layers: rest, input: { values: before.boundary }, way }))
    }
    case 'context forgotten': {
      const outcome = await work({ layers, input: rows(half, positions), way })
      return placeAt(half, outcome)
    }
    case 'positions late by one': {
      const twice = joinInputs(rows(0, half), rows(half - 1, half), rows(half, positions))
      const { boundary, logits } = await work({ layers, input: twice, way })
      const cut = {
        boundary: boundary.subarray((half + 1) * hidden),
        logits: logits?.subarray((half + 1) * vocab) ?? null,
      }
      return placeAt(half, cut)
    }
    case 'sent as f16':
      return whole(rounded(await work({ layers, input, way }), hidden, 'f16'))
    case 'sent as bf16':
      return whole(rounded(await work({ layers, input, way }), hidden, 'bf16'))
    case 'computed in f16':
      return whole(await work({ layers, input, way: { ...way, dtype: 'f16' } }))
  }

  function placeAt(from: number, { boundary, logits }: Pick<Outcome, 'boundary' | 'logits'>): Cheated {
    const place = (values: Float32Array, width: number) => {
      const placed = new Float32Array(positions * width)
      placed.set(values, from * width)
      return placed
    }
    return { boundary: place(boundary, hidden), logits: logits === null ? null : place(logits, vocab), from }
  }
}

function joinInputs(...pieces: readonly SliceInput[]): SliceInput {
  if ('tokens' in pieces[0]!) return { tokens: pieces.flatMap(piece => ('tokens' in piece ? piece.tokens : [])) }
  const values = pieces.map(piece => ('values' in piece ? piece.values : new Float32Array()))
  const joined = new Float32Array(values.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of values) {
    joined.set(piece, at)
    at += piece.length
  }
  return { values: joined }
}

/** The head's logits are left out: they are not what is rounded. */
function rounded({ boundary, facts }: Outcome, hidden: number, dtype: ActivationDtype): Outcome {
  return { boundary: activationValues(activationFromValues(boundary, hidden, dtype)).slice(), logits: null, facts }
}
