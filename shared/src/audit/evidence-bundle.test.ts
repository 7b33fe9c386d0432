import { describe, expect, test } from 'vitest'
import { garbage } from '../../testing/cheats/change-outputs.ts'
import {
  evidenceManifest,
  fakeWalletVerify,
  type SampleEvidence,
  sampleEvidence,
} from '../../testing/cheats/sample-evidence.ts'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { ComputePoolError } from '../errors/index.ts'
import type { Engine } from '../ports/index.ts'
import {
  checkEvidence as checkBundle,
  decodeEvidence,
  type EvidenceBundle,
  encodeEvidence,
  maxEvidenceSectionBytes,
  recompute,
  replayOf,
  unpairedFrames,
} from './index.ts'

const { vocab, layers } = evidenceManifest.dimensions
const seats = [0, 1, 2] as const
const checkEvidence = (bundle: EvidenceBundle) => checkBundle(bundle, fakeWalletVerify)

async function replay(bundle: EvidenceBundle, span = bundle.header.attempts.at(-1)!.receipt.layers) {
  const engine = openFakeEngine({ manifest: evidenceManifest, layers: span })
  return recompute({ engine, ...replayOf(bundle, vocab), tolerance: bundle.header.tolerance, chunk: 7 })
}

const manners = [
  ['an attempt from position 0', {}],
  ['one on a kept cache', { isKept: true }],
  ['one of a seat that takes five rows at once', { maxRows: 5 }],
  ['one of a seat that takes three, on a kept cache', { isKept: true, maxRows: 3 }],
] as const

describe.each(seats)('evidence about seat %i', seat => {
  test.each(manners)(
    'of %s reads as it was written, fits its receipts, and is found honest or not',
    async (_, manner) => {
      for (const isCheat of [false, true]) {
        const cheat = isCheat ? { cheat: (engine: Engine) => garbage(engine, { vocab }) } : {}
        const sample = await sampleEvidence({ seat, ...manner, ...cheat })
        const bundle = decodeEvidence(encodeEvidence(sample))
        const { sections, ...header } = bundle.header
        expect(header).toEqual(sample.header)
        expect([bundle.incoming, bundle.outgoing].map(bytes => [...bytes])).toEqual([
          [...sample.incoming],
          [...sample.outgoing],
        ])
        expect(await checkEvidence(bundle)).toEqual([])
        expect(unpairedFrames(bundle.header)).toBeNull()
        const report = await replay(bundle)
        expect(report.isHonest).toBe(!isCheat)
        expect(report.positions).toBe(header.check.endPosition)
        expect(report.draws !== null).toBe(seat === 2)
        if (isCheat && seat !== 2) expect(report.firstOver).toBe('isKept' in manner ? 14 : 0)
      }
    },
  )

  test('is refused where the check was chosen, not drawn', async () => {
    const sample = await sampleEvidence({ seat })
    const { check } = sample.header
    const faultsWith = (changes: Partial<typeof check>) =>
      checkEvidence(read({ ...sample, header: { ...sample.header, check: { ...check, ...changes } } }))
    const otherTerms = 'The secret and the terms are not what the accused was told a commitment to.'
    expect(await faultsWith({ secret: '11'.repeat(32) })).toContain(otherTerms)
    expect(await faultsWith({ endPosition: check.endPosition - 1 })).toContainEqual(
      expect.stringContaining('was drawn up to'),
    )
    const policies = check.terms.policies.map(policy => ({ ...policy, rate: 1 }))
    expect(await faultsWith({ terms: { ...check.terms, policies } })).toContain(otherTerms)
    expect(await faultsWith({ terms: { ...check.terms, manifestSha256: '77'.repeat(32) } })).toContain(otherTerms)
  })

  test('is refused where a receipt was changed, or is another’s, or its key nobody’s', async () => {
    const sample = await sampleEvidence({ seat })
    const other = await sampleEvidence({ seat, seed: 2 })
    const { attempts, after } = sample.header
    const attempt = attempts[0]!
    const faultsWith = (changes: Partial<typeof attempt>) =>
      checkEvidence(read({ ...sample, header: { ...sample.header, attempts: [{ ...attempt, ...changes }] } }))
    const unsigned = 'The receipt of the accused is not signed by its key.'
    expect(await faultsWith({ receipt: { ...attempt.receipt, inHead: '22'.repeat(32) } })).toContain(unsigned)
    expect(await faultsWith({ key: other.header.attempts[0]!.key })).toEqual([unsigned])
    const unvouched = 'The wallet of the accused did not vouch for its key.'
    expect(await faultsWith({ key: { ...attempt.key, pool: 'http://other.test' } })).toEqual([unvouched])
    const victim = { peer: `0x${'9'.repeat(40)}.00000000` }
    expect(await checkEvidence(read({ ...sample, header: { ...sample.header, accused: victim } }))).toEqual([unvouched])
    if (after === null) return
    const behind = { ...after, key: attempt.key }
    expect(await checkEvidence(read({ ...sample, header: { ...sample.header, after: behind } }))).toEqual([
      'The receipt of the seat behind is not signed by its key.',
      'The wallet of the seat behind did not vouch for its key.',
    ])
  })
})

test('a ring of one seat is judged by the sampling that the desk committed to', async () => {
  const honest = decodeEvidence(encodeEvidence(await sampleEvidence({ seat: 0, isAlone: true })))
  expect(await checkEvidence(honest)).toEqual([])
  expect((await replay(honest, { start: 0, end: layers })).isHonest).toBe(true)
  const draws = honest.header.draws!
  const other = { ...honest.header, draws: { ...draws, params: { ...draws.params, temperature: 1 } } }
  expect(await checkEvidence({ ...honest, header: other })).toEqual(['The exit was asked to draw otherwise.'])
  const cheat = (engine: Engine) => garbage(engine, { vocab })
  const cheated = decodeEvidence(encodeEvidence(await sampleEvidence({ seat: 0, isAlone: true, cheat })))
  expect(await checkEvidence(cheated)).toEqual([])
  expect((await replay(cheated, { start: 0, end: layers })).isHonest).toBe(false)
})

test('what a seat began with is the attempt that its first frame names, in whole', async () => {
  const sample = await sampleEvidence({ seat: 1, isKept: true })
  const { attempts } = sample.header
  const frames = attempts[0]!.incoming
  if (frames.kind !== 'frames') throw new Error(frames.kind)
  const last = attempts.at(-1)!
  const held = last.incoming.kind === 'frames' ? last.incoming.links.slice(0, last.incoming.held) : []
  const bytes = held.reduce((sum, { rows }) => sum + rows * frames.hidden * 4, 0)
  const alone = { ...sample, header: { ...sample.header, attempts: [last] }, incoming: sample.incoming.slice(-bytes) }
  expect(await checkEvidence(read(alone))).toEqual([
    'Attempt 0 did not begin with what the bundle says came before it.',
  ])
  const [first] = (await sampleEvidence({ seat: 1 })).header.attempts
  const swapped = { ...sample.header, attempts: [{ ...first!, incoming: frames }, last] }
  expect(await checkEvidence(read({ ...sample, header: swapped }))).not.toEqual([])
})

test('rows that the accused never sent or received are refused, with digests of their own and without', async () => {
  const sample = await sampleEvidence({ seat: 1 })
  for (const side of ['incoming', 'outgoing'] as const) {
    const bytes = sample[side].slice()
    bytes[130]! ^= 1
    const faults = await checkEvidence(read({ ...sample, [side]: bytes }))
    expect(faults).toEqual([expect.stringMatching(/Frame 0 of what was .* is not the one in the chain/)])
    const { attempts, outgoing } = sample.header
    const frames = side === 'incoming' ? attempts[0]!.incoming : outgoing
    if (frames.kind !== 'frames') throw new Error(frames.kind)
    const links = frames.links.map((link, i) => (i === 0 ? { ...link, sha256: '33'.repeat(32) } : link))
    const changed = { ...frames, links }
    const header =
      side === 'outgoing'
        ? { ...sample.header, outgoing: changed }
        : { ...sample.header, attempts: [{ ...attempts[0]!, incoming: changed }] }
    expect(await checkEvidence(read({ ...sample, header }))).toContainEqual(expect.stringContaining('did not sign'))
  }
})

test('an exit that is said to have been asked for something else is not blamed', async () => {
  const sample = await sampleEvidence({ seat: 2 })
  const draws = sample.header.draws!
  const faultsWith = (changes: Partial<typeof draws>) =>
    checkEvidence(read({ ...sample, header: { ...sample.header, draws: { ...draws, ...changes } } }))
  const otherwise = 'The exit was asked to draw otherwise.'
  expect(await faultsWith({ params: { ...draws.params, seed: 13 } })).toEqual([otherwise])
  expect(await faultsWith({ firstPosition: draws.firstPosition - 1 })).toContain(otherwise)
  const tokens = draws.tokens.with(3, (draws.tokens[3]! + 1) % vocab)
  expect(await faultsWith({ tokens })).toEqual(['The accused did not sign for having drawn this.'])
  const { check } = sample.header
  const fewer = { ...check, draws: { ...check.draws!, until: check.draws!.until - 1 } }
  expect(await checkEvidence(read({ ...sample, header: { ...sample.header, check: fewer } }))).toEqual([
    'Other draws were to be made again.',
  ])
})

test('an exit is judged by rows and draws together, and nobody else by draws', async () => {
  const [middle, exit] = [await sampleEvidence({ seat: 1 }), await sampleEvidence({ seat: 2 })]
  const alone = { ...exit, header: { ...exit.header, draws: null } }
  expect(await checkEvidence(read(alone))).toContain('Nobody signed for having received this.')
  const drawn = { ...middle, header: { ...middle.header, draws: exit.header.draws } }
  expect(await checkEvidence(read(drawn))).toContain('Behind an exit nobody receives rows.')
  const { outgoing } = exit.header
  const links = outgoing.links.map((link, i) => (i === 0 ? { ...link, sha256: '33'.repeat(32) } : link))
  const changed = { ...exit, header: { ...exit.header, outgoing: { ...outgoing, links } } }
  expect(await checkEvidence(read(changed))).toContain('The accused did not sign for having computed this.')
  // It signed for tokens behind the last row that it signed for.
  const short = { ...outgoing, links: outgoing.links.slice(0, 4), held: Math.min(4, outgoing.held) }
  expect(unpairedFrames({ ...exit.header, outgoing: short })).toMatch(/for rows up to \d+ only/)
})

test('too few frames prove nothing', async () => {
  const sample = await sampleEvidence({ seat: 1 })
  const { attempts, outgoing } = sample.header
  const { incoming } = attempts[0]!
  if (incoming.kind !== 'frames') throw new Error('no frames')
  const short = (frames: typeof incoming) => ({ ...frames, held: 1 })
  const bytes = 13 * evidenceManifest.dimensions.hidden * 4
  const fewer = {
    header: { ...sample.header, attempts: [{ ...attempts[0]!, incoming: short(incoming) }], outgoing: short(outgoing) },
    incoming: sample.incoming.slice(0, bytes),
    outgoing: sample.outgoing.slice(0, bytes),
  }
  expect(await checkEvidence(read(fewer))).toHaveLength(2)
})

test('a seat that cuts its work otherwise than it came is told by what it signed; one that was cut short is not', async () => {
  const { header } = await sampleEvidence({ seat: 1 })
  const { outgoing } = header
  const withLinks = (links: typeof outgoing.links) => unpairedFrames({ ...header, outgoing: { ...outgoing, links } })
  const [first, second, ...rest] = outgoing.links
  expect(withLinks([{ ...first!, rows: 12 }, second!, ...rest])).toMatch(/frame 1 it sent/)
  expect(withLinks([first!, { ...second!, rows: 3 }, ...rest])).toMatch(/left out rows of frame 1/)
  expect(withLinks([...outgoing.links, first!])).toMatch(/1 frames more than it received/)
  expect(withLinks([{ ...first!, terms: first!.terms.replace('0.7', '0.8') }, second!])).toMatch(/another sampling/)
  expect(withLinks(outgoing.links.slice(0, -1))).toBeNull()
  // Its engine takes eight rows at once.
  const pieces = [
    { ...first!, rows: 8 },
    { ...first!, position: 8, rows: 5 },
  ]
  expect(withLinks([...pieces, second!, ...rest])).toBeNull()
})

describe('a frame that goes back to position 0 after the last', () => {
  test.each(seats)('convicts seat %i that signed for more of it than that it came', async seat => {
    const bundle = read(await sampleEvidence({ seat, goesBack: 'answered' }))
    expect(await checkEvidence(bundle)).toEqual([])
    expect(unpairedFrames(bundle.header)).toMatch(/goes back to position 0/)
  })

  test.each([1, 2] as const)('keeps nobody from checking seat %i, and blames it for nothing', async seat => {
    for (const isCheat of [false, true]) {
      const cheat = isCheat ? { cheat: (engine: Engine) => garbage(engine, { vocab }) } : {}
      const bundle = read(await sampleEvidence({ seat, goesBack: 'refused', ...cheat }))
      expect(await checkEvidence(bundle)).toEqual([])
      expect(unpairedFrames(bundle.header)).toBeNull()
      const report = await replay(bundle)
      expect(report.isHonest).toBe(!isCheat)
      expect(report.positions).toBe(bundle.header.check.endPosition)
    }
  })
})

test('an entry is told by where it had tokens drawn, and by rows that it left out', async () => {
  const { header } = await sampleEvidence({ seat: 0 })
  const { outgoing } = header
  const withLinks = (links: typeof outgoing.links) => unpairedFrames({ ...header, outgoing: { ...outgoing, links } })
  const sampled = (link: (typeof outgoing.links)[number], isSampled: boolean) => {
    const terms: unknown[] = JSON.parse(link.terms)
    return { ...link, terms: JSON.stringify(terms.with(1, isSampled)) }
  }
  const [first, second, third, ...rest] = outgoing.links
  expect(withLinks(outgoing.links)).toBeNull()
  expect(withLinks([sampled(first!, true), second!, third!, ...rest])).toMatch(/one token was drawn/)
  expect(withLinks([sampled(first!, true), sampled(second!, false), third!, ...rest])).toMatch(/has no token drawn/)
  expect(withLinks([first!, sampled(second!, false), third!, ...rest])).toMatch(/that had no token drawn/)
  // The prompt's rest one by one, as if it had been drawn.
  const one = { ...second!, rows: 1 }
  const ones = Array.from({ length: second!.rows }, (_, i) => ({ ...one, position: second!.position + i }))
  expect(withLinks([first!, ...ones, third!, ...rest])).toMatch(/that had a token drawn/)
  expect(withLinks(outgoing.links.slice(0, -1))).toMatch(/told tokens drawn from 27 positions/)
  // Cut short before it told any.
  const { attempts } = header
  const incoming = { ...attempts[0]!.incoming, told: [] } as (typeof attempts)[0]['incoming']
  const cut = { ...header, attempts: [{ ...attempts[0]!, incoming }], outgoing: { ...outgoing, links: [first!] } }
  expect(unpairedFrames(cut)).toBeNull()
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
      const faults = await checkEvidence(decodeEvidence(bytes))
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
  expect(outcomes.doubted).toBeGreaterThan(5)
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
  const { attempts, after, check } = header
  // How many positions there were, and which was drawn first, is the desk's word: beside what was signed it shows a cheat or nothing.
  const { positions, draws, ...drawn } = check
  return { attempts, after, drawn, incoming, outgoing, said: header.outgoing, draws: header.draws }
}

function read(sample: SampleEvidence): EvidenceBundle {
  return decodeEvidence(encodeEvidence(sample))
}
