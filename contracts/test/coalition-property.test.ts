import fc from 'fast-check'
import type { Address, Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  accusers,
  type CoalitionBench,
  config,
  type Dispute,
  noHash,
  openCoalitionBench,
  operators,
  type Stake,
  states,
  treasury,
  vaultPriceAtomic,
  verdicts,
} from './coalition-bench.ts'
import { accounts, type Command, jurors, openCommands } from './coalition-commands.ts'
import { openCoalitionModel } from './coalition-model.ts'
import { fullSchedule, returning, type Step, scheduleArbitrary } from './coalition-steps.ts'
import { compileTimeoutMs, roles } from './vault-bench.ts'

/** More of them for a soak: each is some 40 steps, and the end of it. */
const runs = Number(process.env.COMPUTEPOOL_RUNS ?? 16)
const seed = Number(process.env.COMPUTEPOOL_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Whatever happened, everybody has all money back this long after the last accusation, if only somebody asks for it. */
const longestSeconds =
  config.maxTermSeconds + config.responseSeconds + config.voteSeconds + config.unbondingSeconds + 400

let bench: CoalitionBench
let sessions: Map<Hex, { payer: Address; dueAtomic: bigint }>

beforeAll(async () => {
  bench = await openCoalitionBench()
  for (const { address } of jurors) await bench.send('setAuditor', [address, true], roles.owner)
  sessions = new Map()
  // One that owes less than most slashes take, one that owes more than some do, and one of nothing.
  for (const [payer, dueAtomic] of [
    [accusers[0]!, 1_501n],
    [operators[3]!, 3n * vaultPriceAtomic],
    [accusers[1]!, 0n],
  ] as const) {
    sessions.set(await bench.harmedSession(payer, dueAtomic), { payer: payer.address, dueAtomic })
  }
}, compileTimeoutMs)

afterAll(() => bench?.close())

const sum = (all: Iterable<bigint>): bigint => [...all].reduce((total, one) => total + one, 0n)

/** Plays one schedule against contract and model at once, compares after every step, and then lets everybody have all back. */
async function play(steps: readonly Step[]): Promise<Record<string, number>> {
  const model = openCoalitionModel(
    { ...config, treasury, sessions },
    jurors.map(({ address }) => address),
  )
  const { commandOf, idOf, disputeId } = openCommands({ bench, model, sessions: [...sessions.keys()] })
  const sent: Command[] = []
  const counts: Record<string, number> = {}
  const before = (await bench.readMany(accounts.map(account => ['balanceOf', account]))) as bigint[]

  async function command(one: Command): Promise<string> {
    const { functionName } = one
    const outcome = await bench.attempt(functionName, one.args, one.from)
    const why = one.apply(bench.now())
    const name = `${functionName} ${outcome}`
    counts[name] = (counts[name] ?? 0) + 1
    // Where several things are wrong, which of them it names is the contract's own affair.
    const expected = why.length === 0 ? 'ok' : why.includes(outcome) ? outcome : why.join(' or ')
    expect(name).toBe(`${functionName} ${expected}`)
    await compare()
    return outcome
  }

  /** Everything that the contract shows of anybody, and every balance, against the model. */
  async function compare(): Promise<void> {
    const { coalitions, disputes, credits, given, had } = model
    const stakes = coalitions.flatMap(of => operators.map(({ address }) => ({ of, address })))
    const answers = await bench.readMany([
      ['heldAtomic'],
      ['balanceOf', bench.coalition],
      ['coalitionCount'],
      ['disputeCount'],
      ...coalitions.map(of => ['stateOf', idOf(of)] as const),
      ...stakes.map(({ of, address }) => ['stakeOf', idOf(of), address] as const),
      ...disputes.map(dispute => ['disputeOf', disputeId(dispute)] as const),
      ...accounts.map(account => ['creditOf', account] as const),
      ...accounts.map(account => ['balanceOf', account] as const),
    ])
    const take = (count: number): unknown[] => answers.splice(0, count)

    const held = model.heldAtomic()
    const counted = [BigInt(coalitions.length), BigInt(disputes.length)]
    expect(take(4)).toEqual([held, held, ...counted])
    expect(take(coalitions.length)).toEqual(
      coalitions.map(({ state, terms }) => [
        ...[states.indexOf(state), terms.version, terms.key, BigInt(terms.endsAt)],
      ]),
    )
    expect(take(stakes.length) as Stake[]).toEqual(
      stakes.map(({ of, address }) => {
        const none = { amountAtomic: 0n, releasableAt: 0, openDisputes: 0, isMember: false, isGuilty: false }
        const stake = of.stakes.get(address) ?? none
        return { ...stake, releasableAt: BigInt(stake.releasableAt) }
      }),
    )
    expect(take(disputes.length) as Dispute[]).toEqual(
      disputes.map(dispute => {
        const { of, sharers: _, ballots: __, counted: ___, isFirst: ____, ...told } = dispute
        const { verdict, responseHash, openedAt, ...rest } = told
        const [guiltyVotes, innocentVotes] = model.votesOf(dispute)
        return {
          ...{ ...rest, guiltyVotes, innocentVotes, coalition: idOf(of), verdict: verdicts.indexOf(verdict) },
          ...{ responseHash: responseHash ?? noHash, openedAt: BigInt(openedAt) },
          ...{ respondUntil: BigInt(dispute.respondUntil), voteUntil: BigInt(dispute.voteUntil) },
        }
      }),
    )
    expect(take(accounts.length)).toEqual(accounts.map(account => credits.get(account) ?? 0n))
    const moved = (account: Address): bigint => (had.get(account) ?? 0n) - (given.get(account) ?? 0n)
    expect(take(accounts.length)).toEqual(accounts.map((account, index) => before[index]! + moved(account)))
  }

  /** Moments at which something becomes possible, or stops being so. */
  const deadlines = (): number[] =>
    [
      ...model.coalitions.flatMap(({ state, terms }) =>
        state === 'proposed' ? [terms.proposalEndsAt] : state === 'active' ? [terms.endsAt] : [],
      ),
      ...model.coalitions.flatMap(({ stakes }) =>
        [...stakes.values()].filter(({ amountAtomic }) => amountAtomic > 0n).map(({ releasableAt }) => releasableAt),
      ),
      ...model.disputes
        .filter(({ verdict }) => verdict === 'open')
        .flatMap(({ respondUntil, voteUntil }) => [respondUntil, voteUntil]),
    ].sort((a, b) => a - b)

  async function waitUntil(time: number): Promise<void> {
    if (time > bench.now()) await bench.wait(time - bench.now())
  }

  /** What anybody may do for everybody, in the order in which it becomes possible; each of these must go through. */
  async function wind(): Promise<void> {
    const must = async (step: Command): Promise<void> => expect(await command(step)).toBe('ok')
    const startedAt = bench.now()
    for (const dispute of model.disputes) {
      const args = [disputeId(dispute)]
      if (dispute.verdict === 'open') {
        await waitUntil(dispute.voteUntil)
        await must({ functionName: 'close', args, apply: now => model.close(now, dispute) })
      }
      if (!dispute.isSettled) await must({ functionName: 'settle', args, apply: now => model.settle(now, dispute) })
    }
    for (const of of model.coalitions) {
      if (of.state === 'ended') continue
      await waitUntil(of.state === 'proposed' ? of.terms.proposalEndsAt : of.terms.endsAt)
      await must({ functionName: 'end', args: [idOf(of)], apply: now => model.end(now, of) })
    }
    for (const of of model.coalitions) {
      for (const [operator, stake] of of.stakes) {
        if (stake.amountAtomic === 0n) continue
        await waitUntil(stake.releasableAt)
        const args = [idOf(of), operator]
        await must({ functionName: 'release', args, apply: now => model.release(now, of, operator) })
      }
    }
    for (const [account, credit] of model.credits) {
      if (credit === 0n) continue
      await must({ functionName: 'withdraw', args: [account], apply: () => model.withdraw(account) })
    }
    expect(bench.now() - startedAt).toBeLessThanOrEqual(longestSeconds)
  }

  for (const step of steps) {
    if (step.kind === 'wait') {
      await bench.wait(step.seconds)
    } else if (step.kind === 'waitFor') {
      const next = deadlines().find(time => time + step.shift > bench.now())
      if (next) await waitUntil(next + step.shift)
    } else if (step.kind === 'repeat') {
      const again = sent[sent.length - 1 - step.back]
      if (again) await command(again)
    } else {
      const one = await commandOf(step)
      if (!one) continue
      sent.push(one)
      await command(one)
    }
  }
  await wind()
  // All that came in went out again; what the treasury has, dust too, is among it.
  expect(model.heldAtomic()).toBe(0n)
  expect(sum(model.had.values())).toBe(sum(model.given.values()))
  return counts
}

test(`every stake leaves once, over random schedules (COMPUTEPOOL_SEED=${seed})`, {
  timeout: runs * 20_000,
}, async () => {
  const totals: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(scheduleArbitrary, async steps => {
      await bench.apart(async () => {
        for (const [name, count] of Object.entries(await play(steps))) totals[name] = (totals[name] ?? 0) + count
      })
    }),
    // A failure is shrunk for as long as the test has time, and told even so.
    { seed, numRuns: runs, examples: [[fullSchedule], [returning]], interruptAfterTimeLimit: runs * 10_000 },
  )
  if (process.env.COMPUTEPOOL_RUNS) console.log(totals)
  // The schedules are worth something only where they reach every command's good end.
  const commands = ['propose', 'consent', 'activate', 'resplit', 'leave', 'end', 'release', 'withdraw']
  const trial = ['accuse', 'respond', 'vote', 'close', 'settle']
  expect(Object.keys(totals)).toEqual(expect.arrayContaining([...commands, ...trial].map(name => `${name} ok`)))
})
