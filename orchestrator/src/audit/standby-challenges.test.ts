import { createRowSketcher, sliceProofText } from '@computepool/shared/audit'
import { createReceiptSigner } from '@computepool/shared/receipts'
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import type { DeskCommand, SliceProof } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import type { AuditRing } from './auditor-roster.ts'
import type { Errand } from './errands.ts'
import { createStandbyChallenges } from './standby-challenges.ts'

type Asked = Extract<DeskCommand, { type: 'prove-slice' }>
const everyMs = 600_000
const peerOf = (name: string): string => `0x${name.padEnd(40, '0')}.00000001`
const walletOf = (name: string): string => peerOf(name).slice(0, 42)
const layers = { start: 2, end: 4 }

/** Standby `a` of one ring; helpers who hold the same layers, by name, in the order in which they are asked. */
function openStage({
  helpers = ['b', 'c', 'd'],
  trusted = helpers,
  inHalf = [],
  kind = 'native',
}: {
  helpers?: string[]
  trusted?: string[]
  /** Who computes in f16. */
  inHalf?: string[]
  kind?: 'native' | 'webgpu'
} = {}) {
  const clock = createManualClock()
  const commands: { to: string; command: DeskCommand }[] = []
  const last = new Map<string, Asked>()
  const told: string[] = []
  const signers = new Map(
    ['a', ...helpers].map((name, i) => [peerOf(name), createReceiptSigner(new Uint8Array(32).fill(i + 1))]),
  )
  const banned = new Set<string>()
  const errands = new Set<Errand>()
  const world = {
    isBusy: false,
    others: 0,
    atWork: new Set<string>(),
    gone: new Set<string>(),
    standbys: [{ peer: peerOf('a'), layers, isReady: true }],
  }
  const isTrusted = (operator: string): boolean => trusted.some(name => walletOf(name) === operator)
  const open = (isBarred: (operator: string) => boolean) =>
    helpers.filter(name => !world.gone.has(name) && !isBarred(walletOf(name)))
  const nameOf = (operator: string): string => operator.replace(/^0x/, '').replace(/0+$/, '')
  const seats: AuditRing['seats'] = [{ seat: 0, peer: peerOf('e') as never, layers: { start: 0, end: 2 } }]
  const challenges = createStandbyChallenges({
    ...{ clock, entropy: createSeededRandom(3), everyMs, quantisation: 'q8', isTrusted, mostPositions: 40 },
    send: (to, command) => {
      commands.push({ to: to.slice(2, 3), command })
      if (command.type === 'prove-slice') last.set(to.slice(2, 3), command)
    },
    audit: {
      isIdle: (own = 0) => errands.size + world.others <= own,
      helpers: {
        add: errand => {
          errands.add(errand)
          const name = open(errand.isBarred).find(each => !world.atWork.has(each))
          if (name !== undefined) errand.begin(peerOf(name), 1)
        },
        end: errand => void errands.delete(errand),
        hasAny: ({ isBarred }) => open(isBarred).length > 0,
      },
    },
    rings: () => [{ epoch: 1, seats, standbys: world.standbys }],
    engineOf: peer => ({ kind, dtype: inHalf.some(name => peerOf(name) === peer) ? 'f16' : 'f32' }),
    sessionKeyOf: peer => signers.get(peer)?.key ?? null,
    isBanned: operator => banned.has(operator),
    isBusy: () => world.isBusy,
    onChallenged: (operator, isMet) => told.push(`${nameOf(operator)} ${isMet ? 'met' : 'not met'}`),
    onWrongSlice: (operator, why) => {
      banned.add(operator)
      told.push(`${nameOf(operator)} is wrong: ${why}`)
    },
    onLazy: operator => told.push(`${nameOf(operator)} is lazy`),
    onFailing: (operator, why) => told.push(`${nameOf(operator)} is put behind: ${why}`),
  })
  const take = (): { to: string; command: DeskCommand }[] => commands.splice(0)
  const askedOf = (name: string): Asked => {
    const found = commands.findLast(({ to, command }) => to === name && command.type === 'prove-slice')
    if (found === undefined) throw new Error(`${name} was not asked.`)
    return found.command as Asked
  }
  /** `what`: two who say the same computed the same; of no number: its floats ran over. */
  const answer = (name: string, what: number | null, change: Partial<{ signature: string }> = {}): void => {
    const asked = last.get(name)!
    const sketcher = createRowSketcher(asked.nonce)
    const random = createSeededRandom(what || 0)
    sketcher.add(
      0,
      Float32Array.from({ length: 16 * asked.positions }, () => random.next() - 0.5 + 0 * (what ?? 0)),
      16,
    )
    const engine = { kind: 'native', dtype: 'f32' } as const
    const proof: SliceProof | null = what === null ? null : { kind: 'rows', engine, ...sketcher.sketched() }
    const signature = proof && signers.get(peerOf(name))!.signText(sliceProofText(asked, proof))
    const said = {
      type: 'slice-proved',
      challenge: asked.challenge,
      proof,
      signature,
      words: 'no',
      computeMs: 1,
    } as const
    challenges.heard(peerOf(name), { ...said, ...change })
  }
  const dropped = (): string[] => take().flatMap(({ to, command }) => (command.type === 'drop-proof' ? [to] : []))
  const asked = (): string[] => take().flatMap(({ to, command }) => (command.type === 'prove-slice' ? [to] : []))
  return {
    ...{ clock, challenges, world, errands, told, answer, dropped, asked, askedOf },
    slices: () => challenges.view().slices,
  }
}

describe('a standby', () => {
  it('and somebody else are asked the same, which nobody could foresee; those who agree are left alone for ten minutes', async () => {
    const stage = openStage()
    stage.challenges.stir()
    const [own, other] = [stage.askedOf('a'), stage.askedOf('b')]
    expect(own).toEqual(other)
    expect([own.layers, own.positions, own.seed === own.nonce]).toEqual([layers, 40, false])
    stage.answer('b', 1)
    stage.answer('a', 1)
    expect([stage.told, stage.slices()]).toEqual([['a met'], { proved: 1, wrong: 0, unproved: 0 }])
    stage.asked()
    await stage.clock.advance(everyMs - 1000)
    expect([stage.asked(), stage.errands.size]).toEqual([[], 0])
    await stage.clock.advance(1000)
    expect(stage.askedOf('a').seed).not.toBe(own.seed)
    expect(stage.asked()).toEqual(['b', 'a'])
  })

  it('that two others contradict has a wrong slice, and a witness whom two contradict that are vouched for has computed nothing', () => {
    const cheat = openStage()
    cheat.challenges.stir()
    cheat.answer('a', 9)
    cheat.answer('b', 1)
    cheat.answer('c', 1)
    const why = 'two others computed something else of layers 2 to 4'
    expect(cheat.told).toEqual(['a not met', `a is wrong: ${why}`])
    expect(cheat.slices()).toEqual({ proved: 0, wrong: 1, unproved: 0 })
    const liar = openStage({ trusted: ['a', 'b', 'c', 'd'] })
    liar.challenges.stir()
    liar.answer('b', 9)
    liar.answer('a', 1)
    liar.answer('c', 1)
    expect(liar.told).toEqual(['a met', 'b is lazy'])
    expect(liar.slices()).toEqual({ proved: 1, wrong: 0, unproved: 0 })
  })

  it('and one voice for it bar no auditor that is vouched for: that one is put behind others, and the slice is not proved', () => {
    const stage = openStage({ helpers: ['b', 'c'] })
    stage.challenges.stir()
    stage.answer('a', 666)
    stage.answer('b', 1)
    stage.answer('c', 666)
    expect(stage.told).toEqual([expect.stringMatching(/^b is put behind: Your slice was challenged, and two others/)])
    expect(stage.slices()).toEqual({ proved: 0, wrong: 0, unproved: 1 })
    // Where there is another, that one is asked.
    const four = openStage()
    four.challenges.stir()
    four.answer('a', 1)
    four.answer('b', 666)
    four.answer('c', 1)
    expect(four.told).toEqual([])
    four.answer('d', 1)
    expect([four.told, four.slices().proved]).toEqual([['a met', 'b is lazy'], 1])
    const friends = openStage()
    friends.challenges.stir()
    friends.answer('a', 666)
    friends.answer('b', 1)
    friends.answer('c', 666)
    friends.answer('d', 1)
    expect(friends.told).toEqual([expect.stringMatching(/^b is put behind: /)])
    // Of a witness that nobody vouches for the standby and somebody vouched for say enough to be met.
    const stranger = openStage({ helpers: ['b', 'c'], trusted: ['c'] })
    stranger.world.gone.add('c')
    stranger.challenges.stir()
    stranger.world.gone.clear()
    stranger.answer('a', 1)
    stranger.answer('b', 9)
    stranger.answer('c', 1)
    expect(stranger.told).toEqual(['a met', expect.stringMatching(/^b is put behind: /)])
  })

  it('is judged by nobody where all three differ, and no stranger is asked while a vouched one is here, at work or not', async () => {
    const all = openStage()
    all.challenges.stir()
    for (const [name, what] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const)
      all.answer(name, what)
    expect([all.told, all.slices().unproved]).toEqual([[], 1])
    const stage = openStage({ trusted: ['d'] })
    stage.challenges.stir()
    expect(stage.asked()).toEqual(['d', 'a'])
    const waiting = openStage({ trusted: ['d'] })
    waiting.world.atWork.add('d')
    waiting.challenges.stir()
    expect([waiting.asked(), waiting.errands.size]).toEqual([[], 1])
  })

  it('is barred by no strangers, however many, and by nobody alone: others are seated before it', () => {
    const strangers = openStage({ trusted: [] })
    strangers.challenges.stir()
    for (const [name, what] of [
      ['a', 9],
      ['b', 1],
      ['c', 1],
    ] as const)
      strangers.answer(name, what)
    expect(strangers.told.at(-1)).toMatch(/^a is put behind: Your slice was challenged, and two others/)
    const alone = openStage({ helpers: ['b'] })
    alone.challenges.stir()
    alone.answer('a', 9)
    alone.answer('b', 1)
    expect(alone.told).toEqual(['a not met', expect.stringMatching(/^a is put behind: A challenge of layers 2 to 4/)])
    expect(alone.slices()).toEqual({ proved: 0, wrong: 0, unproved: 1 })
    const two = openStage({ helpers: ['b'], trusted: [] })
    two.challenges.stir()
    two.answer('a', 9)
    two.answer('b', 1)
    expect([two.told, two.slices().unproved]).toEqual([[], 1])
  })

  it('that does not answer, or whose answer is not signed, is put behind others the second time in a row', async () => {
    const stage = openStage()
    stage.challenges.stir()
    await stage.clock.advance(70_000)
    expect([stage.told, stage.slices().unproved]).toEqual([[], 1])
    expect(stage.dropped().sort()).toEqual(['a', 'b'])
    await stage.clock.advance(everyMs)
    stage.answer('b', 1)
    stage.answer('a', 1)
    await stage.clock.advance(everyMs)
    stage.answer('a', 1, { signature: 'ab'.repeat(64) })
    expect(stage.told).toEqual(['a met'])
    await stage.clock.advance(everyMs)
    stage.answer('a', null)
    expect(stage.told.at(-1)).toMatch(/^a is put behind: Twice in a row/)
    expect(stage.slices()).toEqual({ proved: 1, wrong: 0, unproved: 3 })
  })
})

describe('a standby in f16 that says it ran over', () => {
  const over = Number.NaN
  /** Challenged four times, answered by it and by who is asked first; then once more where both have numbers. */
  async function challenged(stage: ReturnType<typeof openStage>, witness: number) {
    stage.challenges.stir()
    for (let count = 0; count < 4; count++) {
      stage.answer('b', witness)
      stage.answer('a', over)
      await stage.clock.advance(everyMs)
    }
    return stage.told
  }

  it('is put behind others from the third time in a row on, where a vouched one in f16 has numbers', async () => {
    const stage = openStage({ inHalf: ['a', 'b'] })
    const told = await challenged(stage, 1)
    const behind = expect.stringMatching(/^a is put behind: 3 times in a row .* its floats ran over/)
    expect(told).toEqual(['a not met', behind, 'a not met', behind])
    expect(stage.slices()).toEqual({ proved: 0, wrong: 0, unproved: 4 })
    // One that it meets ends the row.
    told.length = 0
    stage.answer('b', 1)
    stage.answer('a', 1)
    await stage.clock.advance(everyMs)
    stage.answer('b', 1)
    stage.answer('a', over)
    expect(told).toEqual(['a met'])
  })

  it.each([
    ['a witness in f16 ran over as well', { inHalf: ['a', 'b'] }, over],
    ['nobody measured such engines', { inHalf: ['a', 'b'], kind: 'webgpu' as const }, 1],
    ['a witness has more room', { inHalf: ['a'] }, 1],
    ['nobody vouches for the witness', { inHalf: ['a', 'b'], helpers: ['b'], trusted: [] }, 1],
  ])('is not where %s', async (_, options, witness) => {
    const stage = openStage(options)
    expect(await challenged(stage, witness)).toEqual([])
    expect(stage.slices()).toEqual({ proved: 0, wrong: 0, unproved: 4 })
  })
})

describe('a witness', () => {
  it('that cannot, or leaves, is replaced by another, and the standby computes once', () => {
    const stage = openStage()
    stage.challenges.stir()
    stage.answer('a', 1)
    stage.answer('b', null)
    const [errand] = stage.errands
    errand!.failed(peerOf('c'))
    stage.answer('d', 1)
    expect(stage.told).toEqual(['a met'])
    expect(stage.asked().filter(name => name === 'a')).toHaveLength(1)
  })

  it('is never of the standby’s own wallet, and without any nobody is asked', () => {
    const stage = openStage({ helpers: ['a'] })
    stage.challenges.stir()
    expect([stage.asked(), stage.errands.size]).toEqual([[], 0])
  })
})

describe('a challenge', () => {
  type Stage = ReturnType<typeof openStage>
  it.each<[string, (stage: Stage) => void]>([
    ['a user’s request', ({ challenges }) => challenges.giveWay()],
    ['a request that runs', ({ world }) => Object.assign(world, { isBusy: true })],
    ['a check that was drawn', ({ world }) => Object.assign(world, { others: 1 })],
    ['its leaving, or a seat', ({ world }) => Object.assign(world, { standbys: [] })],
    [
      'other layers',
      ({ world }) =>
        Object.assign(world, { isBusy: true, standbys: [{ ...world.standbys[0]!, layers: { start: 0, end: 2 } }] }),
    ],
  ])('ends at once for %s, and nothing is held against anybody', async (_, happen) => {
    const stage = openStage()
    const standbys = stage.world.standbys
    stage.challenges.stir()
    stage.answer('b', 1)
    happen(stage)
    stage.challenges.stir()
    expect(stage.dropped()).toEqual(['a'])
    stage.answer('a', 9)
    expect([stage.told, stage.slices(), stage.errands.size]).toEqual([[], { proved: 0, wrong: 0, unproved: 0 }, 0])
    Object.assign(stage.world, { isBusy: false, others: 0, standbys })
    stage.challenges.stir()
    await stage.clock.advance(5000)
    expect(stage.asked()).toContain('a')
  })

  it('does not begin while anything else is to do, nor after its end', async () => {
    const stage = openStage()
    stage.world.isBusy = true
    stage.challenges.stir()
    stage.world.isBusy = false
    stage.world.others = 1
    stage.challenges.stir()
    expect(stage.asked()).toEqual([])
    stage.world.others = 0
    stage.challenges.close()
    stage.challenges.stir()
    await stage.clock.advance(everyMs)
    expect([stage.asked(), stage.clock.pending]).toEqual([[], 0])
  })
})
