/**
 * Lays what a seat signed that it sent beside what it signed that it received. A seat may cut a frame to its engine's rows, and drop guesses
 * from its end; all else that an honest seat does not do is named. It knows links, and neither rows nor engines.
 */
import { faultOfOrder, openFrameOrder, orderAfter } from '../pipeline/frame-order.ts'
import { linkOfFrame } from '../receipts/index.ts'
import type { EvidenceAttempt, EvidenceCase, EvidenceLink } from './evidence-header.ts'
import type { DrawRun } from './plan-checks.ts'

export type Pairing =
  /** The first so many frames that came were answered, the last of them in part at least. */
  { readonly answered: number } | { readonly fault: string }

/** Of a link's terms, in the order of `linkOfFrame`. */
const at = { dtype: 0, sample: 1, draft: 2, nonce: 3, sampling: 4, prompt: 5, generated: 6, reuse: 7 } as const
export type LinkTerm = keyof typeof at

/** One of a link's terms as canonical as it came; null where it has none. */
export function termOf({ terms }: Pick<EvidenceLink, 'terms'>, name: LinkTerm): unknown {
  try {
    const parsed: unknown = JSON.parse(terms)
    return Array.isArray(parsed) ? (parsed[at[name]] ?? null) : null
  } catch {
    return null
  }
}

const passedOn = ['nonce', 'sampling', 'prompt', 'generated', 'reuse'] as const

/** Where the seat is no entry; an exit’s rows are what it would have sent on. */
export function pairFrames(received: readonly EvidenceLink[], sent: readonly EvidenceLink[]): Pairing {
  const [first, gone] = [received[0], sent[0]]
  if (first !== undefined && gone !== undefined)
    for (const name of passedOn)
      if (JSON.stringify(termOf(first, name)) !== JSON.stringify(termOf(gone, name)))
        return { fault: `The accused passed on another ${name} than it received.` }
  let next = 0
  for (const [i, frame] of received.entries()) {
    if (next === sent.length) return { answered: i }
    const isSampled = termOf(frame, 'sample') === true
    let rows = 0
    for (let isWhole = false; !isWhole && next < sent.length; next++) {
      const piece = sent[next]!
      rows += piece.rows
      if (piece.position !== frame.position + rows - piece.rows || rows > frame.rows)
        return {
          fault: `The accused signed that frame ${next} it sent has ${piece.rows} rows from position ${piece.position} on, which it did not receive so.`,
        }
      const isLast = termOf(piece, 'sample') === true
      if (isLast && !isSampled)
        return { fault: `The accused had a token drawn after frame ${next}, which nobody asked for.` }
      isWhole = isSampled ? isLast : rows === frame.rows
      if (isLast && rows < frame.rows - guessesOf(frame))
        return { fault: `The accused left out rows of frame ${i} that were no guesses.` }
    }
  }
  if (next < sent.length)
    return { fault: `The accused signed that it sent ${sent.length - next} frames more than it received.` }
  return { answered: received.length }
}

function guessesOf(frame: EvidenceLink): number {
  const draft = termOf(frame, 'draft')
  return Array.isArray(draft) ? draft.length : 0
}

/**
 * What the accused signed that no honest seat does: cut its work so that it cannot be laid beside what it received, or had others draw by
 * other rules. In words; null where there is nothing.
 */
export function unpairedFrames(header: EvidenceCase): string | null {
  return unpairedSent(header) ?? undrawnTokens(header)
}

/** Each token follows a row that was signed, and such a row is followed by its token: whoever has the one without the other hides where it drew. */
function undrawnTokens({ outgoing, draws }: EvidenceCase): string | null {
  if (draws === null) return null
  const until = rowsReach(outgoing.links)
  const end = draws.firstPosition + draws.tokens.length - 1
  if (draws.tokens.length > 0 && until < end)
    return `The accused signed for tokens up to position ${end}, and for rows up to ${until} only.`
  // It draws a token from each such row as soon as it has it, and takes no frame but the one that brings its last token.
  const last = outgoing.links.findLast(link => termOf(link, 'sample') === true)
  const due = last === undefined ? end : last.position + last.rows - guessesOf(last)
  if (end >= due) return null
  return `The accused signed for rows of which a token was to be drawn at position ${due}, and for tokens up to ${end} only.`
}

function rowsReach(links: readonly EvidenceLink[]): number {
  return links.reduce((reach, { position, rows }) => Math.max(reach, position + rows), 0)
}

/**
 * The frames that came before the first which no honest seat takes, and what is wrong with that one. It may be the last that an honest seat signed for:
 * it drops whoever sent it.
 */
export function orderlyFrames(links: readonly EvidenceLink[]): {
  readonly links: readonly EvidenceLink[]
  readonly fault: string | null
} {
  let order = openFrameOrder(links[0]?.position ?? 0)
  for (const [i, link] of links.entries()) {
    const frame = { ...link, guesses: guessesOf(link), isSampled: termOf(link, 'sample') === true }
    const fault = faultOfOrder(order, frame)
    if (fault !== null) return { links: links.slice(0, i), fault }
    order = orderAfter(order, frame)
  }
  return { links, fault: null }
}

function unpairedSent({ attempts, outgoing, check }: EvidenceCase): string | null {
  const { incoming } = attempts.at(-1)!
  if (incoming.kind === 'text') return unpairedText(incoming, outgoing.links, check.terms)
  const { links, fault } = orderlyFrames(incoming.links)
  const paired = pairFrames(links, outgoing.links)
  if (!('fault' in paired)) return null
  return fault === null || 'fault' in pairFrames(incoming.links, outgoing.links)
    ? paired.fault
    : `The accused answered what no honest seat takes. ${fault}`
}

/** Of an entry: it feeds its text as it came and what was drawn behind it, once each, and has no token drawn before the text's end. */
function unpairedText(
  { tokens, position, told }: Extract<EvidenceAttempt['incoming'], { kind: 'text' }>,
  links: readonly EvidenceLink[],
  terms: EvidenceCase['check']['terms'],
): string | null {
  const [first] = links
  // Of the last token told nothing was fed; the one before it was, or there would be no last.
  const needed = told.length === 0 ? 0 : tokens.length + told.length - 1
  const reach = rowsReach(links)
  if (reach < needed)
    return `The accused told tokens drawn from ${needed} positions, and signed for rows up to ${reach}.`
  if (first === undefined) return null
  if (JSON.stringify(termOf(first, 'sampling')) !== samplingTerms(terms.sampling))
    return 'The accused passed on another sampling than it was sent.'
  if (first.position !== position)
    return `The accused signed that it began at position ${first.position}, and not at ${position}.`
  const { fault } = orderlyFrames(links)
  if (fault !== null) return `The accused signed for what no honest seat sends. ${fault}`
  for (const link of links) {
    const isSampled = termOf(link, 'sample') === true
    const certain = link.position + link.rows - guessesOf(link)
    if (isSampled !== certain >= tokens.length || (link.position < tokens.length && certain > tokens.length))
      return `The accused signed for a frame up to position ${certain} that had ${isSampled ? 'a' : 'no'} token drawn, and its text has ${tokens.length}.`
  }
  return null
}

/** Position of the first token that the exit was asked for: as it received and signed it, whatever it says later. Null where nobody asked for any. */
export function firstDrawn(incoming: EvidenceAttempt['incoming']): number | null {
  if (incoming.kind === 'text') return incoming.tokens.length
  const drawing = incoming.links.find(link => termOf(link, 'sample') === true)
  return drawing === undefined ? null : drawing.position + drawing.rows - guessesOf(drawing)
}

/** Whether rows of it lie just before one of these tokens. */
export function isDrawnFrom({ position, rows }: Pick<EvidenceLink, 'position' | 'rows'>, draws: DrawRun): boolean {
  return position < draws.until - 1 && position + rows > draws.from - 1
}

/** As `linkOfFrame` writes them. */
export function samplingTerms(params: EvidenceCase['check']['terms']['sampling']): string {
  const header = {
    request_id: '',
    kind: 'hidden',
    dtype: 'f32',
    shape: [],
    seq: 0,
    position: 0,
    sampling: params,
  } as const
  const { terms = '[]' } = linkOfFrame({ ...header, shape: [] }, new Uint8Array())
  return JSON.stringify(termOf({ terms }, 'sampling'))
}
