/** A whole bundle of evidence about one seat of a ring of fakes, receipts and all: for tests of whoever reads, writes or forges one. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import {
  commitmentOf,
  type DrawRun,
  digestOfReceipt,
  type EvidenceAttempt,
  type EvidenceFrames,
  type EvidenceHeader,
  isDrawnFrom,
  planChecks,
  runAmongDrawn,
  type VerifyWallet,
} from '../../src/audit/index.ts'
import type { Manifest } from '../../src/model/index.ts'
import { greedy, type SamplingParams } from '../../src/pipeline/index.ts'
import type { Activation, Engine, EngineRow } from '../../src/ports/index.ts'
import {
  createReceiptChain,
  createReceiptSigner,
  extend,
  headOf,
  linkOfFrame,
  linkOfText,
  linksOfTokens,
  type Receipt,
  type ReceiptLink,
  type ReceiptSigner,
  type SessionKey,
  sessionKeyText,
} from '../../src/receipts/index.ts'
import { openFakeEngine } from '../fake-engine.ts'
import { fakeManifest } from '../fake-manifest.ts'
import { createSeededRandom } from '../seeded-random.ts'

export const evidenceManifest = fakeManifest()
/** Layers of the three seats. */
export const evidenceSpans = spansOf(evidenceManifest)

function spansOf({ dimensions }: Manifest) {
  return [
    { start: 0, end: 2 },
    { start: 2, end: 4 },
    { start: 4, end: dimensions.layers },
  ] as const
}

export interface SampleEvidence {
  readonly header: Omit<EvidenceHeader, 'sections'>
  readonly incoming: Uint8Array
  readonly outgoing: Uint8Array
}

/** A peer's wallet: its id, and how it signs. */
export interface SampleWallet {
  readonly peer: string
  sign(message: string): Promise<string>
}

export interface SampleEvidenceOptions {
  /** Who is accused: 0 is the entry, 2 the exit. */
  readonly seat: 0 | 1 | 2
  /** What computes for that seat; honest unless told otherwise. */
  readonly cheat?: (engine: Engine) => Engine
  readonly seed?: number
  /** The attempt begins with 14 positions that an earlier one left. */
  readonly isKept?: boolean
  /** One seat holds all layers; it is seat 0. */
  readonly isAlone?: boolean
  /** After its last frame the entry sends one more, back at position 0; the accused computes it too, or takes it for what it is. */
  readonly goesBack?: 'answered' | 'refused'
  /**
   * The entry asks for a token from position 14 on, one position of its text of 20 at a time. `hidden`: the exit signs only for those that were told,
   * which begin behind the text. `padded`: and for six that nobody heard, so that the numbers meet. `told`: it signs for all, and the entry tells them as the
   * answer.
   */
  readonly asksEarly?: 'hidden' | 'padded' | 'told'
  /** Behind its text the entry feeds so many rows of its own making, and asks for a token only then. */
  readonly asksLate?: number
  /** What the entry has the exit draw by; what it was sent unless told otherwise. */
  readonly sampling?: SamplingParams
  /** Most rows of a frame that the accused sends; it cuts what came. */
  readonly maxRows?: number
  /** By seat; fakes that `fakeWalletVerify` believes unless told otherwise. */
  readonly wallets?: readonly SampleWallet[]
  /** A real model of five layers or more instead of the fake, with the digest of its manifest. */
  readonly model?: {
    readonly manifest: Manifest
    readonly manifestSha256: string
    readonly open: (layers: Engine['layers']) => Promise<Engine>
  }
}

const ring = { coalition: 'c-1', epoch: 3 }
const params = { ...greedy, temperature: 0.7, seed: 12 }

const fakeWallet = (seat: number): SampleWallet => {
  const address = `0x${String(seat + 1).repeat(40)}`
  return { peer: `${address}.00000000`, sign: async message => fakeWord(address, message) }
}
function fakeWord(address: string, message: string): string {
  const digest = bytesToHex(sha256(new TextEncoder().encode(`${address} ${message}`)))
  return `0x${digest}${digest}1b`
}
/** Believes the fake wallets. */
export const fakeWalletVerify: VerifyWallet = ({ address, message, signature }) =>
  signature === fakeWord(address, message)

interface Sent {
  readonly link: ReceiptLink
  readonly activation: Activation
  /** Nobody needs its payload. */
  readonly isBack: boolean
}
interface Served {
  readonly requestId: string
  readonly text: readonly number[]
  readonly from: number
  /** By seat; of the exit the rows that it drew from. */
  readonly sent: readonly Sent[][]
  readonly tokens: readonly number[]
  readonly positions: number
}

/** Not the default: what a bundle proves must not hang on how often checks are made, and draws of one seed stay the same. */
const samplePolicy = { rate: 0.61, window: 64, windowShare: 5 / 6, endShare: 0 }

/** Serves a prompt of 20 and 8 tokens of an answer, and draws secrets until the accused is checked beyond position 22. */
export async function sampleEvidence(options: SampleEvidenceOptions): Promise<SampleEvidence> {
  const { seat, cheat, seed = 1, model, isKept = false, isAlone = false, sampling = params } = options
  const manifest = model?.manifest ?? evidenceManifest
  const manifestSha256 = model?.manifestSha256 ?? '00'.repeat(32)
  const spans = isAlone ? [{ start: 0, end: manifest.dimensions.layers }] : spansOf(manifest)
  const engines: Engine[] = []
  for (const [i, span] of spans.entries()) {
    const engine = model === undefined ? openFakeEngine({ manifest, layers: span }) : await model.open(span)
    engines.push(i === seat && cheat !== undefined ? cheat(engine) : engine)
  }
  const { vocab } = manifest.dimensions
  const random = createSeededRandom(seed)
  const text = Array.from({ length: 20 }, (_, i) => (i * 37 + 5) % vocab)
  const policies = spans.map(() => samplePolicy)
  const terms = { manifestSha256, policies, sampling: params }
  const wallets = spans.map((_, i) => options.wallets?.[i] ?? fakeWallet(i))
  const signers = spans.map(() => createReceiptSigner(random.bytes(32)))
  const keys = await Promise.all(wallets.map((wallet, i) => keyOf(wallet, signers[i]!)))
  const serve = (
    served: Pick<Served, 'requestId' | 'text' | 'from'>,
    nonce: string,
    count: number,
    reuse: string | null,
  ) => {
    const takers = { answered: spans.length, refused: Math.max(1, seat) }
    const backTo = options.goesBack === undefined ? 0 : takers[options.goesBack]
    return serveAttempt({
      ...served,
      engines,
      nonce,
      count,
      reuse,
      backTo,
      cutAt: { seat, maxRows: options.maxRows },
      asksEarly: options.asksEarly,
      asksLate: options.asksLate ?? 0,
      sampling,
    })
  }

  const earlier = isKept
    ? await serve({ requestId: 'request-8', text: text.slice(0, 11), from: 0 }, '09'.repeat(32), 4, null)
    : null
  const whole = earlier === null ? text : [...earlier.text, ...earlier.tokens, ...text.slice(15)]
  const before = await serve(
    { requestId: 'request-9', text: whole, from: earlier?.positions ?? 0 },
    '',
    0,
    earlier?.requestId ?? null,
  )
  // What goes over the boundaries does not hang on the nonce; the links do, and so the receipts.
  let secret = bytesToHex(random.bytes(32))
  let drawn = attemptOf()
  while (drawn.endPosition === null || drawn.endPosition <= 22) {
    secret = bytesToHex(random.bytes(32))
    drawn = attemptOf()
  }
  for (const engine of engines) await engine.close()

  function attemptOf() {
    const last = withNonce(before, commitmentOf(secret, terms))
    const receipts = spans.map((span, i) => signed(last, i, span, commitmentOf(secret, terms)))
    const [planned] = planChecks({
      secret: Uint8Array.from(secret.match(/../g)!, byte => Number.parseInt(byte, 16)),
      attempt: last.requestId,
      receiptHeads: receipts.map((receipt, i) => (i === seat ? digestOfReceipt(receipt) : null)),
      positions: last.positions,
      keptPositions: last.from,
      firstDraw: i => (i === spans.length - 1 ? last.text.length : null),
      policies,
    })
    return { last, receipts, endPosition: planned?.endPosition ?? null, draws: planned?.draws ?? null }
  }

  function signed(served: Served, i: number, span: Receipt['layers'], nonce: string): Receipt {
    const attempt = { ...ring, requestId: served.requestId }
    const told = linksOfTokens(served.tokens, 0)
    const chainOf = (links: readonly ReceiptLink[]) => extend(createReceiptChain(attempt), ...links)
    const linksOf = (frames: readonly Sent[]) => frames.map(({ link }) => link)
    const incoming = chainOf(i === 0 ? [linkOfText(served.text, served.from), ...told] : linksOf(served.sent[i - 1]!))
    const isLast = i === spans.length - 1
    const sent = chainOf(linksOf(served.sent[i]!))
    const outgoing = isLast ? chainOf(told) : sent
    return signers[i]!.sign({
      ...attempt,
      seat: i,
      layers: span,
      inSteps: incoming.steps,
      outSteps: outgoing.steps,
      inHead: headOf(incoming),
      outHead: headOf(outgoing),
      rowSteps: isLast ? sent.steps : 0,
      rowHead: isLast ? headOf(sent) : '',
      recent: '',
      lastTokens: isLast ? [served.tokens.at(-1)!] : [],
      sketch: '',
      nonce,
    })
  }

  const { last, receipts, draws } = drawn
  const firstDraw = last.text.length + (options.asksLate ?? 0) - (options.asksEarly === undefined ? 0 : 6)
  const judged = draws && runAmongDrawn(draws, { from: firstDraw, until: firstDraw + last.tokens.length })
  const endPosition = drawn.endPosition!
  const { hidden } = manifest.dimensions
  const isHeld = ({ link, isBack }: Sent, end: number) => link.position < end && !isBack
  /** Behind those: what the exit's draws are made again from. */
  const isApart = (sent: Sent, end: number, run: DrawRun | null) =>
    run !== null && !isHeld(sent, end) && isDrawnFrom(sent.link, run)
  const side = (frames: readonly Sent[], end: number, run: DrawRun | null = null): EvidenceFrames => {
    const count = frames.filter(sent => isApart(sent, end, run)).length
    return {
      kind: 'frames',
      dtype: 'f32',
      hidden,
      links: frames.map(({ link: { position: at, rows, terms: said, payload } }) => {
        return { position: at, rows, terms: said ?? '', sha256: bytesToHex(sha256(payload)) }
      }),
      held: frames.filter(sent => isHeld(sent, end)).length,
      ...(count === 0 ? {} : { apart: { from: frames.findIndex(sent => isApart(sent, end, run)), count } }),
    }
  }
  const bytesOf = (frames: readonly Sent[], end: number, run: DrawRun | null = null) =>
    frames
      .filter(sent => isHeld(sent, end) || isApart(sent, end, run))
      .flatMap(({ activation }) => Array.from(activation.data))
  const attempts: EvidenceAttempt[] = []
  const incoming: number[] = []
  for (const [served, end] of [
    ...(earlier === null ? [] : [[earlier, earlier.positions] as const]),
    [last, endPosition] as const,
  ]) {
    if (seat === 0 && served !== last) continue
    const receipt = served === last ? receipts[seat]! : signed(served, seat, spans[seat]!, '09'.repeat(32))
    const frames = served.sent[seat - 1] ?? []
    attempts.push({
      receipt,
      key: keys[seat]!,
      incoming:
        seat === 0
          ? { kind: 'text', tokens: [...served.text], position: served.from, told: [...served.tokens] }
          : side(frames, end),
    })
    if (seat !== 0) incoming.push(...bytesOf(frames, end))
  }
  const isExit = seat === spans.length - 1
  const native = { kind: 'native', dtype: 'f32' } as const
  const behind = receipts[seat + 1]
  return {
    header: {
      format: 'computepool-evidence',
      version: 3,
      versions: { computepool: '0.1.0', protocol: 8 },
      model: { name: manifest.model, quantisation: manifest.quantisation },
      accused: { peer: wallets[seat]!.peer as `0x${string}` },
      check: { secret, terms, positions: last.positions, endPosition, draws },
      attempts,
      after: behind === undefined ? null : { peer: wallets[seat + 1]!.peer, receipt: behind, key: keys[seat + 1]! },
      outgoing: side(last.sent[seat]!, endPosition, judged),
      draws: isExit
        ? {
            firstPosition: firstDraw,
            tokens: [...last.tokens],
            params: sampling,
            generated: [],
            prompt: [],
          }
        : null,
      engines: { accused: native, auditor: native },
      tolerance: { relative: 1e-3, logit: 1e-3 },
      finding: {
        isHonest: false,
        positions: endPosition,
        worst: 0,
        worstPosition: 0,
        over: 0,
        different: 0,
        nearTies: 0,
      },
    },
    incoming: Uint8Array.from(incoming),
    outgoing: Uint8Array.from(bytesOf(last.sent[seat]!, endPosition, judged)),
  }
}

async function keyOf({ peer, sign }: SampleWallet, { key }: ReceiptSigner): Promise<SessionKey> {
  const named = { pool: 'http://pool.test', key, expiresMs: 86_400_000 }
  return { ...named, signature: await sign(sessionKeyText({ ...named, peer })) }
}

interface ServeAttempt extends Pick<Served, 'requestId' | 'text' | 'from'> {
  readonly engines: readonly Engine[]
  readonly nonce: string
  /** 0: 8. */
  readonly count: number
  readonly reuse: string | null
  /** So many seats compute a frame that goes back. */
  readonly backTo: number
  readonly cutAt: { readonly seat: number; readonly maxRows: number | undefined }
  readonly asksEarly: SampleEvidenceOptions['asksEarly']
  readonly asksLate: number
  readonly sampling: SamplingParams
}

async function serveAttempt({
  engines,
  nonce,
  reuse,
  backTo,
  cutAt,
  asksEarly,
  asksLate,
  sampling,
  ...served
}: ServeAttempt): Promise<Served> {
  const { requestId, text, from } = served
  const count = served.count || 8
  const sent: Sent[][] = engines.map(() => [])
  const tokens: number[] = []
  let position = from
  let takers = engines.length
  /** From seat `i` on. */
  const pass = async (i: number, start: number, input: EngineRow['input'], isDrawn: boolean): Promise<void> => {
    const engine = engines[i]!
    const sample = i === engines.length - 1 && isDrawn ? { params: sampling, generated: [...tokens], prompt: [] } : null
    const [output] = await engine.run([{ requestId: 'r', position: start, input, sample, keepRows: true }])
    if (output?.kind === 'token') tokens.push(output.sampled.token)
    const activation = output?.kind === 'activation' ? output.activation : output?.rows
    if (activation === undefined) throw new Error(`${output?.kind} without rows`)
    const frames = sent[i]!
    const isFirst = frames.length === 0
    const header = {
      request_id: requestId,
      kind: 'hidden' as const,
      dtype: activation.dtype,
      shape: [activation.tokens, activation.hidden],
      seq: frames.length,
      position: start,
      ...(isFirst ? { sampling, ...(nonce === '' ? {} : { nonce }) } : {}),
      ...(isFirst && reuse !== null ? { reuse: { requestId: reuse, positions: from } } : {}),
      ...(isDrawn ? { sample: true } : {}),
    }
    frames.push({
      link: linkOfFrame(header, activation.data),
      activation,
      isBack: start < (frames.at(-1)?.link.position ?? 0),
    })
    if (i + 1 < takers) await receive(i + 1, start, activation, isDrawn)
  }
  /** The accused's engine may take fewer rows at once than come. */
  const receive = async (i: number, start: number, activation: Activation, isDrawn: boolean): Promise<void> => {
    const most = i === cutAt.seat ? (cutAt.maxRows ?? activation.tokens) : activation.tokens
    const rowBytes = activation.data.length / activation.tokens
    for (let row = 0; row < activation.tokens; row += most) {
      const rows = Math.min(most, activation.tokens - row)
      const data = activation.data.slice(row * rowBytes, (row + rows) * rowBytes)
      await pass(
        i,
        start + row,
        { activation: { ...activation, tokens: rows, data } },
        isDrawn && row + rows === activation.tokens,
      )
    }
  }
  const step = async (brought: readonly number[], isDrawn: boolean): Promise<void> => {
    await pass(0, position, { tokens: brought }, isDrawn)
    position += brought.length
  }
  const first = from + Math.ceil((text.length - from) * 0.65)
  await step(text.slice(from, first), false)
  if (asksLate > 0) {
    await step(text.slice(first), false)
    await step(new Array(asksLate).fill(1), true)
  } else if (asksEarly === undefined) await step(text.slice(first), true)
  else {
    for (const token of text.slice(first)) await step([token], true)
    if (asksEarly !== 'told') tokens.splice(0, tokens.length - 1)
  }
  while (tokens.length < count) await step([tokens.at(-1)!], true)
  takers = backTo
  if (backTo > 0) await pass(0, 0, { tokens: text.slice(0, 1) }, false)
  // As the desk reckons them.
  const positions = text.length + tokens.length - 1
  if (asksEarly === 'padded') tokens.push(...tokens.slice(0, 6))
  return { requestId, text, from, sent, tokens, positions }
}

/** The same with another nonce on the first frames. */
function withNonce(served: Served, nonce: string): Served {
  const sent = served.sent.map(frames =>
    frames.map((frame, i) => {
      if (i > 0) return frame
      const terms: unknown[] = JSON.parse(frame.link.terms ?? '[]')
      return { ...frame, link: { ...frame.link, terms: JSON.stringify(terms.with(3, nonce)) } }
    }),
  )
  return { ...served, sent }
}
