/** A whole bundle of evidence about one seat of a ring of fakes, receipts and all: for tests of whoever reads, writes or forges one. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import {
  commitTo,
  defaultCheckPolicy,
  digestOfReceipt,
  type EvidenceFrames,
  type EvidenceHeader,
  planChecks,
} from '../../src/audit/index.ts'
import type { Manifest } from '../../src/model/index.ts'
import { greedy } from '../../src/pipeline/index.ts'
import type { Activation, Engine, EngineRow } from '../../src/ports/index.ts'
import {
  createReceiptChain,
  createReceiptSigner,
  extend,
  headOf,
  linkOfFrame,
  linkOfText,
  linksOfTokens,
  type ReceiptLink,
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

export interface SampleEvidenceOptions {
  /** Who is accused: 0 is the entry, 2 the exit. */
  readonly seat: 0 | 1 | 2
  /** What computes for that seat; honest unless told otherwise. */
  readonly cheat?: (engine: Engine) => Engine
  readonly seed?: number
  /** A real model of five layers or more instead of the fake, with the digest of its manifest. */
  readonly model?: {
    readonly manifest: Manifest
    readonly manifestSha256: string
    readonly open: (layers: Engine['layers']) => Promise<Engine>
  }
}

const attempt = { coalition: 'c-1', epoch: 3, requestId: 'request-9' }
const nonce = '07'.repeat(32)
const params = { ...greedy, temperature: 0.7, seed: 12 }

/** Serves a prompt of 20 and 8 tokens of an answer, and draws secrets until the accused is checked beyond position 22. */
export async function sampleEvidence(options: SampleEvidenceOptions): Promise<SampleEvidence> {
  const { seat, cheat, seed = 1, model } = options
  const manifest = model?.manifest ?? evidenceManifest
  const { hidden, vocab } = manifest.dimensions
  const spans = spansOf(manifest)
  const engines: Engine[] = []
  for (const [i, span] of spans.entries()) {
    const engine = model === undefined ? openFakeEngine({ manifest, layers: span }) : await model.open(span)
    engines.push(i === seat && cheat !== undefined ? cheat(engine) : engine)
  }
  const text = Array.from({ length: 20 }, (_, i) => (i * 37 + 5) % vocab)
  const sent: { readonly link: ReceiptLink; readonly activation: Activation }[][] = [[], []]
  const tokens: number[] = []
  let position = 0
  const step = async (brought: readonly number[], isDrawn: boolean): Promise<void> => {
    let input: EngineRow['input'] = { tokens: brought }
    for (const [i, engine] of engines.entries()) {
      const sample = i === 2 && isDrawn ? { params, generated: [...tokens], prompt: [] } : null
      const [output] = await engine.run([{ requestId: 'r', position, input, sample }])
      if (output?.kind === 'token') tokens.push(output.sampled.token)
      if (output?.kind !== 'activation') continue
      const { activation } = output
      const isFirst = position === 0
      const header = {
        request_id: attempt.requestId,
        kind: 'hidden' as const,
        dtype: activation.dtype,
        shape: [activation.tokens, hidden],
        seq: sent[i]!.length,
        position,
        ...(isFirst ? { sampling: params, nonce } : {}),
        ...(isDrawn ? { sample: true } : {}),
      }
      sent[i]!.push({ link: linkOfFrame(header, activation.data), activation })
      input = { activation }
    }
    position += brought.length
  }
  await step(text.slice(0, 13), false)
  await step(text.slice(13), true)
  while (tokens.length < 8) await step([tokens.at(-1)!], true)

  for (const engine of engines) await engine.close()
  const random = createSeededRandom(seed)
  const drawn = linksOfTokens(tokens, 0)
  const chainOf = (links: readonly ReceiptLink[]) => extend(createReceiptChain(attempt), ...links)
  const received = [[linkOfText(text, 0), ...drawn], ...sent.map(frames => frames.map(({ link }) => link))]
  const gave = [...sent.map(frames => frames.map(({ link }) => link)), drawn]
  const signed = spans.map((span, i) => {
    const signer = createReceiptSigner(random.bytes(32))
    const [incoming, outgoing] = [chainOf(received[i]!), chainOf(gave[i]!)]
    const receipt = signer.sign({
      ...attempt,
      seat: i,
      layers: span,
      inSteps: incoming.steps,
      outSteps: outgoing.steps,
      inHead: headOf(incoming),
      outHead: headOf(outgoing),
      recent: '',
      lastTokens: i === 2 ? [tokens.at(-1)!] : [],
      sketch: '',
      nonce,
    })
    return { key: signer.key, receipt }
  })
  const positions = position
  const policy = defaultCheckPolicy
  let secret = random.bytes(32)
  const drawCheck = () =>
    planChecks({
      secret,
      attempt: attempt.requestId,
      receiptHeads: signed.map(({ receipt }) => digestOfReceipt(receipt)),
      positions,
      keptPositions: 0,
      policies: [policy, policy, policy],
    }).find(check => check.seat === seat && check.endPosition > 22)
  while (drawCheck() === undefined) secret = random.bytes(32)
  const { endPosition } = drawCheck()!
  const side = (frames: (typeof sent)[number]): EvidenceFrames => ({
    kind: 'frames',
    dtype: 'f32',
    hidden,
    links: frames.map(({ link: { position: at, rows, terms, payload } }) => {
      return { position: at, rows, terms: terms ?? '', sha256: bytesToHex(sha256(payload)) }
    }),
    held: frames.filter(({ link }) => link.position < endPosition).length,
  })
  const bytesOf = (frames: (typeof sent)[number]) => {
    const pieces = frames.filter(({ link }) => link.position < endPosition).map(({ activation }) => activation.data)
    return Uint8Array.from(pieces.flatMap(piece => Array.from(piece)))
  }
  const native = { kind: 'native', dtype: 'f32' } as const
  return {
    header: {
      format: 'computepool-evidence',
      version: 1,
      versions: { computepool: '0.1.0', protocol: 5 },
      model: {
        name: manifest.model,
        manifestSha256: model?.manifestSha256 ?? '00'.repeat(32),
        quantisation: manifest.quantisation,
      },
      accused: { peer: `0x${'a'.repeat(40)}.00000000` },
      check: {
        commitment: bytesToHex(commitTo(secret)),
        secret: bytesToHex(secret),
        policy,
        positions,
        endPosition,
      },
      receipts: { accused: signed[seat]!, before: signed[seat - 1] ?? null, after: signed[seat + 1] ?? null },
      incoming: seat === 0 ? { kind: 'text', tokens: text, position: 0, told: tokens } : side(sent[seat - 1]!),
      outgoing:
        seat === 2
          ? { kind: 'tokens', firstPosition: text.length, tokens, params, generated: [], prompt: [] }
          : side(sent[seat]!),
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
        sketch: '',
      },
    },
    incoming: seat === 0 ? new Uint8Array() : bytesOf(sent[seat - 1]!),
    outgoing: seat === 2 ? new Uint8Array() : bytesOf(sent[seat]!),
  }
}
