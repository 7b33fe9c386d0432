import { describe, expect, test } from 'vitest'
import { garbage } from '../../testing/cheats/change-outputs.ts'
import {
  evidenceManifest,
  evidenceSpans,
  type SampleEvidence,
  sampleEvidence,
} from '../../testing/cheats/sample-evidence.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { ComputePoolError } from '../errors/index.ts'
import {
  checkEvidence,
  decodeEvidence,
  type EvidenceBundle,
  encodeEvidence,
  maxEvidenceSectionBytes,
  recompute,
  replayOf,
  unpairedFrames,
} from './index.ts'

const { vocab } = evidenceManifest.dimensions
const seats = [0, 1, 2] as const

async function replay(bundle: EvidenceBundle, seat: 0 | 1 | 2) {
  const engine = openFakeEngine({ manifest: evidenceManifest, layers: evidenceSpans[seat] })
  const { endPosition } = bundle.header.check
  return recompute({ engine, ...replayOf(bundle, vocab), tolerance: bundle.header.tolerance, endPosition, chunk: 7 })
}

describe.each(seats)('evidence about seat %i', seat => {
  test('reads as it was written, fits its receipts, and is found honest or not by whoever replays it', async () => {
    for (const isCheat of [false, true]) {
      const sample = await sampleEvidence({ seat, ...(isCheat ? { cheat: engine => garbage(engine, { vocab }) } : {}) })
      const bundle = decodeEvidence(encodeEvidence(sample))
      const { sections, ...header } = bundle.header
      expect(header).toEqual(sample.header)
      expect([bundle.incoming, bundle.outgoing].map(bytes => [...bytes])).toEqual([
        [...sample.incoming],
        [...sample.outgoing],
      ])
      expect(checkEvidence(bundle)).toEqual([])
      expect(unpairedFrames(bundle.header)).toBeNull()
      const report = await replay(bundle, seat)
      expect(report.isHonest).toBe(!isCheat)
      expect(report.positions).toBe(header.check.endPosition)
    }
  })

  test('is refused where the check was chosen, not drawn', async () => {
    const sample = await sampleEvidence({ seat })
    const { check } = sample.header
    const faultsWith = (changes: Partial<typeof check>) =>
      checkEvidence(read({ ...sample, header: { ...sample.header, check: { ...check, ...changes } } }))
    expect(faultsWith({ secret: '11'.repeat(32) })).toContain('The secret is not the one that was committed to.')
    expect(faultsWith({ endPosition: check.endPosition - 1 })).toContainEqual(
      expect.stringContaining('was drawn up to'),
    )
    expect(faultsWith({ policy: { ...check.policy, rate: 0 } })).toEqual(['No check of this seat was drawn.'])
  })

  test('is refused where a receipt was changed, or is another’s', async () => {
    const sample = await sampleEvidence({ seat })
    const other = await sampleEvidence({ seat, seed: 2 })
    const { receipts } = sample.header
    const faultsWith = (changes: Partial<typeof receipts>) =>
      checkEvidence(read({ ...sample, header: { ...sample.header, receipts: { ...receipts, ...changes } } }))
    const { accused } = receipts
    const changed = { ...accused, receipt: { ...accused.receipt, inHead: '22'.repeat(32) } }
    expect(faultsWith({ accused: changed })).toContain('The receipt of the accused is not signed by its key.')
    expect(faultsWith({ accused: { ...accused, key: other.header.receipts.accused.key } })).toContain(
      'The receipt of the accused is not signed by its key.',
    )
    const neighbour = seat === 0 ? 'after' : 'before'
    const forged = { ...receipts[neighbour]!, key: accused.key }
    expect(faultsWith({ [neighbour]: forged })).toHaveLength(1)
  })
})

test('rows that the accused never sent or received are refused, with digests of their own and without', async () => {
  const sample = await sampleEvidence({ seat: 1 })
  for (const side of ['incoming', 'outgoing'] as const) {
    const bytes = sample[side].slice()
    bytes[130]! ^= 1
    const faults = checkEvidence(read({ ...sample, [side]: bytes }))
    expect(faults).toEqual([expect.stringMatching(/Frame 0 of what was .* is not the one in the chain/)])
    const frames = sample.header[side]
    if (frames.kind !== 'frames') throw new Error(frames.kind)
    const links = frames.links.map((link, i) => (i === 0 ? { ...link, sha256: '33'.repeat(32) } : link))
    const header = { ...sample.header, [side]: { ...frames, links } }
    expect(checkEvidence(read({ ...sample, header }))).toContainEqual(expect.stringContaining('did not sign'))
  }
})

test('an exit that is said to have been asked for something else is not blamed', async () => {
  const sample = await sampleEvidence({ seat: 2 })
  const { outgoing } = sample.header
  if (outgoing.kind !== 'tokens') throw new Error(outgoing.kind)
  const changed = { ...sample.header, outgoing: { ...outgoing, params: { ...outgoing.params, seed: 13 } } }
  expect(checkEvidence(read({ ...sample, header: changed }))).toEqual(['The exit was asked to draw otherwise.'])
  const earlier = { ...sample.header, outgoing: { ...outgoing, firstPosition: outgoing.firstPosition - 1 } }
  expect(checkEvidence(read({ ...sample, header: earlier }))).toEqual(['The exit was asked to draw otherwise.'])
  const tokens = outgoing.tokens.with(3, (outgoing.tokens[3]! + 1) % vocab)
  const lied = { ...sample.header, outgoing: { ...outgoing, tokens } }
  expect(checkEvidence(read({ ...sample, header: lied }))).toEqual(['The accused did not sign for having sent this.'])
})

test('too few frames, or fewer positions than there were, prove nothing', async () => {
  const sample = await sampleEvidence({ seat: 1 })
  const { incoming, outgoing, check } = sample.header
  if (incoming.kind !== 'frames' || outgoing.kind !== 'frames') throw new Error('no frames')
  const short = (frames: typeof incoming) => ({ ...frames, held: 1 })
  const bytes = 13 * evidenceManifest.dimensions.hidden * 4
  const fewer = {
    header: { ...sample.header, incoming: short(incoming), outgoing: short(outgoing) },
    incoming: sample.incoming.slice(0, bytes),
    outgoing: sample.outgoing.slice(0, bytes),
  }
  expect(checkEvidence(read(fewer))).toHaveLength(2)
  const header = { ...sample.header, check: { ...check, positions: check.positions - 1 } }
  expect(checkEvidence(read({ ...sample, header }))).toContain(`The attempt had 27 positions, not 26.`)
})

test('a seat that cuts its work otherwise than it came is told by what it signed; one that was cut short is not', async () => {
  const { header } = await sampleEvidence({ seat: 1 })
  const { outgoing } = header
  if (outgoing.kind !== 'frames') throw new Error(outgoing.kind)
  const withLinks = (links: typeof outgoing.links) =>
    unpairedFrames({ ...header, outgoing: { ...outgoing, links }, sections: {} as never })
  const [first, ...rest] = outgoing.links
  expect(withLinks([{ ...first!, rows: 12 }, { ...first!, position: 12, rows: 1 }, ...rest])).toMatch(/frame 0 it sent/)
  expect(withLinks([...outgoing.links, first!])).toMatch(/which it did not receive so/)
  expect(withLinks(outgoing.links.slice(0, -1))).toBeNull()
})

test('sizes are capped before anything is read', async () => {
  const sample = await sampleEvidence({ seat: 1 })
  const bytes = encodeEvidence(sample)
  new DataView(bytes.buffer).setUint32(8, 2 ** 31, true)
  expect(() => decodeEvidence(bytes)).toThrow(expect.objectContaining({ code: 'input_too_large' }))
  const huge = { ...sample, incoming: new Uint8Array(maxEvidenceSectionBytes + 1) }
  expect(() => encodeEvidence(huge)).toThrow(expect.objectContaining({ code: 'input_too_large' }))
})

const seed = 20_261_122
test(`takes 800 mutated bundles, or refuses them by name (seed ${seed})`, async () => {
  const random = createSeededRandom(seed)
  const samples = await Promise.all(seats.map(seat => sampleEvidence({ seat })))
  const encoded = samples.map(encodeEvidence)
  const outcomes = { refused: 0, doubted: 0, believed: 0 }
  for (let count = 0; count < 800; count++) {
    const at = random.int(3)
    const bytes = random.int(2) === 0 ? mutateBytes(encoded[at]!) : mutateHeader(encoded[at]!)
    try {
      const faults = checkEvidence(decodeEvidence(bytes))
      outcomes[faults.length > 0 ? 'doubted' : 'believed'] += 1
      // What is believed says what was signed: only words that nobody signed may differ.
      if (faults.length === 0)
        expect(signedPart(decodeEvidence(bytes))).toEqual(signedPart(decodeEvidence(encoded[at]!)))
    } catch (error) {
      if (!(error instanceof ComputePoolError) || !/^input_/.test(error.code)) throw error
      outcomes.refused += 1
    }
  }
  expect(outcomes.refused).toBeGreaterThan(400)
  expect(outcomes.doubted).toBeGreaterThan(10)
  expect(outcomes.believed).toBeGreaterThan(10)

  function mutateBytes(source: Uint8Array): Uint8Array {
    const bytes = source.slice()
    for (let round = random.int(3); round >= 0; round--) bytes[random.int(bytes.length)] = random.int(256)
    return random.int(4) === 0 ? bytes.slice(0, random.int(bytes.length)) : bytes
  }
  function mutateHeader(source: Uint8Array): Uint8Array {
    const length = new DataView(source.buffer).getUint32(8, true)
    const header: unknown = JSON.parse(new TextDecoder().decode(source.subarray(12, 12 + length)))
    mutateField(header)
    const json = new TextEncoder().encode(JSON.stringify(header))
    const bytes = new Uint8Array(12 + json.length + source.length - 12 - length)
    bytes.set(source.subarray(0, 12))
    new DataView(bytes.buffer).setUint32(8, json.length, true)
    bytes.set(json, 12)
    bytes.set(source.subarray(12 + length), 12 + json.length)
    return bytes
  }
  /** One leaf, some levels down. */
  function mutateField(value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    const fields = value as Record<string, unknown>
    const names = Object.keys(fields)
    if (names.length === 0) return
    const name = names[random.int(names.length)]!
    const old = fields[name]
    if (typeof old === 'object' && old !== null && random.int(8) > 0) {
      mutateField(old)
      return
    }
    const odd = [null, -1, 0, 1, 7, 0.5, 2 ** 53, '', 'native', 'f16', '44'.repeat(32), [], {}, true]
    if (random.int(6) === 0) delete fields[name]
    else if (typeof old === 'number' && random.int(2) === 0) fields[name] = old + 1
    else fields[name] = odd[random.int(odd.length)]
  }
})

function signedPart({ header, incoming, outgoing }: EvidenceBundle) {
  const { accused } = header.receipts
  const { secret, endPosition, positions } = header.check
  return { accused, secret, endPosition, positions, incoming, outgoing, said: [header.incoming, header.outgoing] }
}

function read(sample: SampleEvidence): EvidenceBundle {
  return decodeEvidence(encodeEvidence(sample))
}
