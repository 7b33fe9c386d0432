/** The gallery of cheats in a living pool: each is caught and out, its place is taken, answers are right again, and nobody else loses anything. */
import { hostEntropy } from '@computepool/peer/host.ts'
import type { Manifest } from '@computepool/shared/model'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import type { DeskRequest } from '@computepool/shared/wire'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  coarserPack,
  collude,
  garbage,
  identity,
  openWithoutLayer,
  prunedPack,
  replayed,
  staleEpoch,
} from '../../shared/testing/cheats/index.ts'
import {
  type AuditedSwarm,
  type AuditedSwarmOptions,
  openAuditedSwarm,
  type PeerOptions,
  walletOf,
  writeAuditedPack,
} from '../harness/audited-swarm.ts'

type Open = (slice: SliceRequest) => Promise<Engine>
type Cheat = (slice: SliceRequest, open: Open) => Promise<Engine>

let pack: Awaited<ReturnType<typeof writeAuditedPack>>
let swarm: AuditedSwarm | null = null
/** What the whole model says, in one place. */
const right = new Map<string, string>()
const prompts = ['Who are you?', 'What is a ring?', 'Count to three.', 'Say it again.']

beforeAll(async () => {
  pack = await writeAuditedPack()
  const whole = await openAuditedSwarm({ packDir: pack.dir, seats: 1, peers: [{}] })
  for (const prompt of prompts) right.set(prompt, (await whole.ask(prompt)).text)
  await whole.close()
}, 120_000)
afterAll(() => pack?.remove())
afterEach(async () => {
  await swarm?.close()
  swarm = null
})

const isEntry = ({ layers }: SliceRequest): boolean => layers.start === 0
const isMiddle = ({ layers, manifest }: SliceRequest): boolean =>
  layers.start > 0 && layers.end < manifest.dimensions.layers
const isExit = ({ layers, manifest }: SliceRequest): boolean => layers.end === manifest.dimensions.layers

interface Part {
  readonly at: (slice: SliceRequest) => boolean
  readonly cheat: Cheat
}

/** Peers of which, for each part, the first that is given such a slice plays it for good. */
function cast(count: number, parts: readonly Part[]) {
  const players = new Map<Part, number>()
  const peers: PeerOptions[] = Array.from({ length: count }, (_, index) => ({
    openSlice: async (slice, open) => {
      const own = parts.find(part => players.get(part) === index)
      const played =
        own ?? ([...players.values()].includes(index) ? undefined : parts.find(p => !players.has(p) && p.at(slice)))
      if (played === undefined) return open(slice)
      players.set(played, index)
      // Elsewhere than where its cheat works it is honest.
      return played.at(slice) ? played.cheat(slice, open) : open(slice)
    },
  }))
  return { peers, players: () => [...players.values()] }
}

const walletsOf = (of: AuditedSwarm, indexes: readonly number[]): string[] => indexes.map(i => of.peers[i]!.wallet)
const seated = (of: AuditedSwarm): string[] => of.orchestrator.desk.snapshot().seats.map(({ peer }) => walletOf(peer))

/** Asks, and lets every check come to its end, until `isOver`; what was asked. */
async function askUntil(of: AuditedSwarm, isOver: () => boolean): Promise<number> {
  for (let asked = 0; asked < 40; asked++) {
    if (isOver()) return asked
    const { status } = await of.ask(prompts[asked % prompts.length]!)
    // A conviction takes the seat at once, and the pool may have nobody for it.
    expect(status === 200 || of.breaches.length > 0).toBe(true)
    await of.until('checks that ended', () => {
      // What was drawn on a ring that is no more waits for nobody.
      if (isOver()) return true
      const { drawn, agreed, differs, withheld, unanswered, unjudged } = of.orchestrator.desk.snapshot().checks!
      return drawn === agreed + differs + withheld + unanswered + unjudged
    })
  }
  throw new Error(`After 40 answers: ${JSON.stringify(of.orchestrator.desk.snapshot().checks)}`)
}

/** The pool serves without these, and what it says is right. */
async function expectHealed(of: AuditedSwarm, cheats: readonly string[]): Promise<void> {
  const { desk } = of.orchestrator
  await of.until('a ring without them', () => {
    return desk.snapshot().status === 'ready' && !seated(of).some(wallet => cheats.includes(wallet))
  })
  for (const prompt of prompts.slice(0, 2)) {
    const answer = await of.ask(prompt)
    expect(answer.text).toBe(right.get(prompt))
    expect(answer.route).toHaveLength(3)
    expect(answer.route.filter(wallet => cheats.includes(wallet))).toEqual([])
  }
}

/** Nobody but `cheats` is out, and nobody but `convicted` of them was found guilty of wrong work. */
function expectHonestUnharmed(of: AuditedSwarm, cheats: readonly string[], convicted = cheats): void {
  const { standing } = of.orchestrator
  const honest = [...of.peers, ...of.auditors].map(({ wallet }) => wallet).filter(wallet => !cheats.includes(wallet))
  expect(honest.filter(wallet => standing.isBanned(wallet))).toEqual([])
  expect([...new Set(of.breaches.map(({ operator }) => operator))].sort()).toEqual([...convicted].sort())
  expect(of.faults).toEqual([])
}

const open = async (options: Omit<AuditedSwarmOptions, 'packDir' | 'seats'>): Promise<AuditedSwarm> => {
  swarm = await openAuditedSwarm({ packDir: pack.dir, seats: 3, ...options })
  return swarm
}

const vocabOf = ({ dimensions }: Manifest): number => dimensions.vocab
const cheats: readonly [name: string, at: Part['at'], cheat: Cheat][] = [
  ['garbage in the middle', isMiddle, async (s, o) => garbage(await o(s), { vocab: vocabOf(s.manifest) })],
  ['garbage at the entry', isEntry, async (s, o) => garbage(await o(s), { vocab: vocabOf(s.manifest) })],
  ['other tokens than it drew', isExit, async (s, o) => garbage(await o(s), { vocab: vocabOf(s.manifest) })],
  ['its input handed on', isMiddle, async (s, o) => identity(await o(s))],
  ['a skipped layer', isMiddle, async (s, o) => openWithoutLayer(o, s, s.layers.start)],
  ['a skipped layer at the exit', isExit, async (s, o) => openWithoutLayer(o, s, s.layers.start)],
  ['coarser weights', isMiddle, (s, o) => o({ ...s, ...coarserPack(s, 'q4') })],
  ['a smaller model', isMiddle, (s, o) => o({ ...s, ...prunedPack(s, 64) })],
  ['another request’s activations', isMiddle, async (s, o) => replayed(await o(s))],
  ['a cache of an earlier epoch', isMiddle, async (s, o) => staleEpoch(await o(s))],
]

test.each(cheats)('%s: caught, out, replaced', async (_, at, cheat) => {
  const { peers, players } = cast(4, [{ at, cheat }])
  const of = await open({ peers, auditors: [{}, {}, {}] })
  const cheaters = walletsOf(of, players())
  expect(cheaters).toHaveLength(1)
  await askUntil(of, () => of.breaches.length > 0)
  const [{ evidence, what }] = of.breaches as [AuditedSwarm['breaches'][number]]
  expect(what).toBe('wrong-output')
  expect((await of.orchestrator.app.request(evidence.path)).status).toBe(200)
  await expectHealed(of, cheaters)
  expectHonestUnharmed(of, cheaters)
})

describe('together', () => {
  test('two neighbours whose answers are right, for they agreed on a mask', async () => {
    const { peers, players } = cast(5, [
      { at: isEntry, cheat: async (s, o) => collude(await o(s), await o(s))[0] },
      { at: isMiddle, cheat: async (s, o) => collude(await o(s), await o(s))[1] },
    ])
    const of = await open({ peers, auditors: [{}, {}, {}] })
    const cheaters = walletsOf(of, players())
    expect(cheaters).toHaveLength(2)
    expect((await of.ask(prompts[0]!)).text).toBe(right.get(prompts[0]!))
    await askUntil(of, () => new Set(of.breaches.map(({ operator }) => operator)).size === 2)
    await expectHealed(of, cheaters)
    expectHonestUnharmed(of, cheaters)
  })
})

type Reported = Extract<DeskRequest, { type: 'check-reported' }>

/** An auditor whose reports are changed before they leave. */
const reporting = (change: (honest: Reported) => Partial<Reported>): PeerOptions => ({
  sending: text => {
    const message = JSON.parse(text) as { type: string; request: DeskRequest }
    if (message.type !== 'desk' || message.request.type !== 'check-reported') return text
    return JSON.stringify({ ...message, request: { ...message.request, ...change(message.request) } })
  },
})

/** Who is not believed any more, of the auditors. */
const liars = (of: AuditedSwarm): string[] =>
  of.auditors.map(({ wallet }) => wallet).filter(wallet => of.orchestrator.standing.isBanned(wallet))

describe('those who lie about others', () => {
  const vocab = 300
  test('an auditor that leaves evidence against the honest is out itself', async () => {
    const openSlice: PeerOptions['openSlice'] = async (slice, openHonest) => garbage(await openHonest(slice), { vocab })
    const of = await open({ peers: [{}, {}, {}], auditors: [{ openSlice }, {}, {}] })
    await askUntil(of, () => liars(of).length > 0)
    expect(liars(of)).toEqual([of.auditors[0]!.wallet])
    await expectHealed(of, [])
    expectHonestUnharmed(of, liars(of), [])
  })

  test('an accuser without evidence harms nobody', async () => {
    let accused = 0
    const accusing = reporting(() => {
      accused += 1
      return { outcome: 'differs', evidence: null, words: 'It cheats.' }
    })
    const of = await open({ peers: [{}, {}, {}], auditors: [accusing, {}, {}] })
    const checksOf = () => of.orchestrator.desk.snapshot().checks!
    await askUntil(of, () => checksOf().agreed >= 6)
    expect(checksOf()).toMatchObject({ differs: 0, withheld: 0 })
    expect(accused).toBeGreaterThan(0)
    await expectHealed(of, [])
    expectHonestUnharmed(of, [], [])
  })

  test('an auditor that lets a cheat off is found out with it, by a second opinion', async () => {
    const clearing = reporting(({ outcome }) => (outcome === 'differs' ? { outcome: 'agreed', evidence: null } : {}))
    // The entry is checked before the others, by whoever joined first; where somebody stands by, by that one.
    const { peers, players } = cast(3, [{ at: isEntry, cheat: async (s, o) => garbage(await o(s), { vocab }) }])
    // Every check is looked at twice.
    const entropy = { bytes: (length: number) => (length === 1 ? Uint8Array.of(0) : hostEntropy.bytes(length)) }
    const of = await open({ peers, auditors: [clearing, {}, {}, {}], entropy })
    const cheaters = walletsOf(of, players())
    await askUntil(of, () => liars(of).length > 0 && of.breaches.length > 0)
    expect(liars(of)).toEqual([of.auditors[0]!.wallet])
    expectHonestUnharmed(of, [...cheaters, ...liars(of)], cheaters)
  })
})
