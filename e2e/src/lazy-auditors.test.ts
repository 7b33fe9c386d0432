/** Auditors that say "agreed" and computed nothing, in a living pool: each is found by the checks that others compute too, and nobody else loses anything. */
import { rowSketchSums } from '@computepool/shared/audit'
import { createSeededRandom } from '@computepool/shared/testing'
import type { DeskRequest } from '@computepool/shared/wire'
import { expect, test } from 'vitest'
import { identity } from '../../shared/testing/cheats/index.ts'
import type { AuditedSwarm, PeerOptions } from '../harness/audited-swarm.ts'
import { useAuditedSwarm } from '../harness/use-audited-swarm.ts'

const openSwarm = useAuditedSwarm()

const checksOf = (of: AuditedSwarm) => of.orchestrator.desk.snapshot().checks!
const paid = (of: AuditedSwarm): string[] =>
  (of.orchestrator.desk.snapshot().auditPay ?? []).map(({ operator }) => operator)

/** Asks, and lets every check come to its end, until `isOver`. */
async function askUntil(of: AuditedSwarm, isOver: () => boolean): Promise<void> {
  for (let asked = 0; asked < 20 && !isOver(); asked++) {
    expect((await of.ask(`Question ${asked}?`)).status).toBe(200)
    await of.until('checks that ended', () => {
      const { drawn, agreed, differs, withheld, unanswered, unjudged } = checksOf(of)
      return isOver() || drawn === agreed + differs + withheld + unanswered + unjudged
    })
  }
  expect([isOver(), checksOf(of)]).toEqual([true, expect.anything()])
}

/** Every check is looked at twice, but for the seed. */
const twice = (seed: number) => {
  const random = createSeededRandom(seed)
  return { bytes: (length: number) => (length === 1 ? Uint8Array.of(0) : random.bytes(length)) }
}

type Change = (said: DeskRequest) => DeskRequest
const saying =
  (change: Change): NonNullable<PeerOptions['sending']> =>
  text => {
    const message = JSON.parse(text) as { type: string; request: DeskRequest }
    return message.type === 'desk' ? JSON.stringify({ ...message, request: change(message.request) }) : text
  }
const agreeing = (said: DeskRequest): DeskRequest =>
  said.type === 'check-reported' ? { ...said, outcome: 'agreed', blamed: null, evidence: null } : said

const lazies: readonly [how: string, PeerOptions][] = [
  [
    'a sketch that it made up',
    {
      sending: saying(said => {
        if (said.type !== 'check-computed') return agreeing(said)
        const sums = Buffer.alloc(4 * rowSketchSums)
        for (let at = 0; at < rowSketchSums; at++) sums.writeFloatLE(Math.sin(at) / Math.sqrt(rowSketchSums), 4 * at)
        return { ...said, sketch: sums.toString('hex') }
      }),
    },
  ],
  [
    'the sketch of what came in',
    {
      sending: saying(agreeing),
      openSlice: async (slice, open) => {
        const engine = await open(slice)
        return slice.layers.start === 0 ? engine : identity(engine)
      },
    },
  ],
]

test.each(lazies)(
  'who agrees to everything with %s is out and unpaid, and the honest lose nothing',
  async (_, lazy) => {
    const of = await openSwarm({
      seats: 3,
      peers: [{}, {}, {}],
      auditors: [lazy, {}, {}],
      entropy: twice(5),
    })
    const { standing } = of.orchestrator
    const [cheat, ...honest] = of.auditors.map(({ wallet }) => wallet)
    await askUntil(of, () => standing.isBanned(cheat!))
    expect(checksOf(of)).toMatchObject({ lazy: 1, differs: 0 })
    expect(standing.of(cheat!).failed).toBeGreaterThan(0.9)
    // It is asked nothing any more, and the others go on, paid.
    const { audited, disputed } = checksOf(of)
    await askUntil(of, () => checksOf(of).audited! >= audited! + 3)
    expect(checksOf(of)).toMatchObject({ lazy: 1, disputed, differs: 0, withheld: 0 })
    expect(paid(of)).not.toContain(cheat)
    expect(
      [...of.peers, ...of.auditors].filter(({ wallet }) => standing.isBanned(wallet)).map(({ wallet }) => wallet),
    ).toEqual([cheat])
    expect(honest.some(wallet => paid(of).includes(wallet))).toBe(true)
    expect([of.breaches, of.faults]).toEqual([[], []])
  },
)
