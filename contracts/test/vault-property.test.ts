import fc from 'fast-check'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  compileTimeoutMs,
  openVaultBench,
  operators,
  priceAtomic,
  roles,
  usdc,
  type VaultBench,
  weiPerAtomic,
} from './vault-bench.ts'
import { close, end, isExpired, type ModelSession, openSession, set } from './vault-model.ts'
import { fullSchedule, type Step, stepArbitrary } from './vault-steps.ts'

/** More of them for a soak: each is some 40 steps. */
const runs = Number(process.env.COMPUTEPOOL_RUNS ?? 6)
const seed = Number(process.env.COMPUTEPOOL_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Small enough that overruns use it up in some schedules. */
const reserveAtomic = usdc(0.6)
const stateNames = ['unknown', 'open', 'streaming', 'closed']

let bench: VaultBench

beforeAll(async () => {
  bench = await openVaultBench()
  await bench.fund(reserveAtomic)
}, compileTimeoutMs)

afterAll(() => bench.close())

interface Known {
  readonly id: Hex
  readonly payer: `0x${string}`
  readonly account: `0x${string}`
  model: ModelSession
  /** Books of the account as of the last look, to see that only its own commands move it. */
  flowWei: bigint
  holdingsWei: bigint
}

/** Plays one schedule against the vault and the model at once, and compares after every step. */
async function play(steps: readonly Step[]): Promise<Record<string, number>> {
  const sessions: Known[] = []
  const sent: { functionName: string; args: readonly unknown[]; apply: (now: number) => Known | undefined }[] = []
  const counts: Record<string, number> = {}
  let unitsEpoch = 0n
  let units = 0n
  let seenAt = bench.now()

  const command = async (one: (typeof sent)[number], from: `0x${string}` = roles.keeper): Promise<void> => {
    const reason = await bench.attempt(from, one.functionName, one.args)
    counts[`${one.functionName} ${reason}`] = (counts[`${one.functionName} ${reason}`] ?? 0) + 1
    // A refusal for want of units or reserve leaves everything as it was, and the model with it.
    if (reason === 'ok') await compare(one.apply(bench.now()))
    else if (reason === 'NoUnits' ? units !== 0n : reason !== 'ReserveTooSmall') throw new Error(`Refused: ${reason}`)
    else await compare(undefined)
  }

  /** The chain's word on one session against the model's; untouched for `elapsed` seconds it may only have streamed on. */
  async function look(known: Known, elapsed: bigint | undefined): Promise<void> {
    const { model } = known
    const [chain, refunded, holdings, flowWei] = await Promise.all([
      bench.session(known.id),
      bench.usdcOf(known.payer),
      bench.holdings(known.account),
      bench.flowOf(known.account),
    ])
    expect({ due: chain.dueAtomic, rate: chain.rateWei, epoch: chain.epoch, state: stateNames[chain.state] }).toEqual({
      ...{ due: model.dueAtomic, rate: model.rateAtomic * weiPerAtomic, epoch: model.epoch, state: model.state },
    })
    if (model.state === 'streaming') expect(Number(chain.leaseUntil)).toBe(model.leaseUntil)
    expect(model.dueAtomic <= model.capAtomic).toBe(true)
    expect(refunded).toBe(model.state === 'closed' ? model.capAtomic - model.dueAtomic : 0n)
    if (elapsed !== undefined) expect(holdings).toBe(known.holdingsWei - known.flowWei * elapsed)
    known.holdingsWei = holdings
    known.flowWei = flowWei
  }

  async function compare(touched: Known | undefined, isLast = false): Promise<void> {
    const elapsed = BigInt(bench.now() - seenAt)
    seenAt = bench.now()
    let accounts = 0n
    let refunds = 0n
    let flows = 0n
    let rates = 0n
    let caps = 0n
    let dues = 0n
    for (const known of sessions) {
      const { model } = known
      // What is closed stays as it is; that it did, the last comparison sees.
      if (model.state !== 'closed' || known === touched || isLast)
        await look(known, known === touched ? undefined : elapsed)
      accounts += known.holdingsWei
      refunds += model.state === 'closed' ? model.capAtomic - model.dueAtomic : 0n
      flows += known.flowWei
      rates += model.rateAtomic * weiPerAtomic
      caps += model.capAtomic
      dues += model.dueAtomic
    }
    const live = BigInt(sessions.filter(({ model }) => model.state === 'streaming').length)
    const received = await bench.receivedByAll()
    const vault = await bench.holdings(bench.vault)
    // Conservation, to the wei: all that came in is refunded, received, or still here.
    expect(refunds * weiPerAtomic + received + vault + accounts).toBe((caps + reserveAtomic) * weiPerAtomic)
    expect((await bench.poolRate()) + (await bench.adjustmentRate())).toBe(flows)
    expect(await bench.read('liveRateWei')).toBe(rates)
    expect(await bench.read('liveCount')).toBe(live)
    const lost = rates - flows
    expect(lost >= 0n && lost <= live * 10_000n).toBe(true)
    const ids = await bench.read<Hex[]>('expired', [100n])
    expect([...ids].sort()).toEqual(
      sessions
        .filter(({ model }) => isExpired(model, bench.now()))
        .map(({ id }) => id)
        .sort(),
    )

    if (live === 0n) {
      const [reserve, owed] = [await bench.read<bigint>('reserveWei'), await bench.read<bigint>('owedWei')]
      const owedToOperators = owed > 0n ? owed : 0n
      expect(vault + accounts).toBe(
        reserve + owedToOperators + sessions.reduce((sum, { model }) => sum + open(model), 0n) * weiPerAtomic,
      )
      // Operators got what was due, but for what is shown as owed or prepaid.
      expect(received + owed).toBe(dues * weiPerAtomic)
    }
  }

  const open = (s: ModelSession): bigint => (s.state === 'closed' ? 0n : s.capAtomic - s.dueAtomic)

  for (const step of steps) {
    const known = 'pick' in step && sessions.length > 0 ? sessions[step.pick % sessions.length] : undefined
    if ('pick' in step && !known) continue
    if (step.kind === 'open' && sessions.length < 8) {
      const capAtomic = priceAtomic * BigInt(step.capSeconds) + BigInt(step.odd)
      const { id, payer } = await bench.openSession(capAtomic)
      const model = openSession(capAtomic, bench.now())
      const account = (await bench.session(id)).account
      sessions.push({ id, payer: payer.address, account, model, flowWei: 0n, holdingsWei: 0n })
      await compare(sessions.at(-1))
    } else if (step.kind === 'set' && known) {
      const target = {
        epoch: nextEpoch(known.model.epoch, step.epoch),
        rateAtomic: priceAtomic * BigInt(step.rate),
        leaseUntil: bench.now() + step.leaseIn,
        dueAtomic: atLeastZero(known.model.dueAtomic + BigInt(step.dueShift)),
      }
      const args = [
        known.id,
        target.epoch,
        target.rateAtomic * weiPerAtomic,
        BigInt(target.leaseUntil),
        target.dueAtomic,
      ]
      sent.push({ functionName: 'set', args, apply: now => moved(known, set(known.model, now, target)) })
      await command(sent.at(-1)!)
    } else if (step.kind === 'close' && known) {
      const target = {
        epoch: nextEpoch(known.model.epoch, step.epoch),
        dueAtomic: atLeastZero(known.model.dueAtomic + BigInt(step.dueShift)),
      }
      const args = [known.id, target.epoch, target.dueAtomic]
      sent.push({ functionName: 'close', args, apply: now => moved(known, close(known.model, now, target)) })
      await command(sent.at(-1)!)
    } else if (step.kind === 'end' && known) {
      const may = step.byPayer || known.model.state === 'closed' || isExpired(known.model, bench.now() + 1)
      const from = step.byPayer ? known.payer : roles.stranger
      if (step.byPayer) await bench.giveNative(from)
      const one = { functionName: 'end', args: [known.id], apply: (now: number) => moved(known, end(known.model, now)) }
      if (may) await command(one, from)
      else expect(await bench.refusal(from, 'end', [known.id])).toBe('NotExpired')
    } else if (step.kind === 'repeat' && sent.length > 0) {
      await command(sent[Math.max(0, sent.length - 1 - step.back)]!)
    } else if (step.kind === 'units') {
      const next = nextEpoch(unitsEpoch, step.epoch)
      const args = [next, operators.slice(0, step.units.length), step.units.map(BigInt)]
      await command({ functionName: 'setUnits', args, apply: () => undefined })
      if (next > unitsEpoch) [unitsEpoch, units] = [next, step.units.reduce((sum, one) => sum + BigInt(one), 0n)]
    } else if (step.kind === 'wait') {
      await bench.wait(step.seconds)
      await compare(undefined)
    } else if (step.kind === 'reap') {
      for (const id of await bench.read<Hex[]>('expired', [100n])) {
        const over = sessions.find(other => other.id === id)!
        // A stranger's list names live sessions too; those are skipped.
        const list = [id, ...sessions.filter(({ model }) => !isExpired(model, bench.now() + 1)).map(other => other.id)]
        await command(
          { functionName: 'reap', args: [list], apply: now => moved(over, end(over.model, now)) },
          roles.stranger,
        )
      }
    }
  }
  for (const known of sessions) {
    const target = { epoch: known.model.epoch + 1n, dueAtomic: known.model.dueAtomic }
    const args = [known.id, target.epoch, target.dueAtomic]
    await command({ functionName: 'close', args, apply: now => moved(known, close(known.model, now, target)) })
  }
  await compare(undefined, true)
  return counts
}

const moved = (known: Known, model: ModelSession): Known => Object.assign(known, { model })
const nextEpoch = (current: bigint, shift: number): bigint => atLeastZero(current + BigInt(shift))
const atLeastZero = (value: bigint): bigint => (value < 0n ? 0n : value)

test(`money is conserved over random schedules (COMPUTEPOOL_SEED=${seed})`, { timeout: runs * 15_000 }, async () => {
  const totals: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { minLength: 30, maxLength: 50, size: 'max' }), async steps => {
      await bench.apart(async () => {
        await bench.setUnits(1n, [3n, 2n])
        const counts = await play([{ kind: 'units', units: [3, 2], epoch: 2 }, ...steps])
        for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count
      })
    }),
    // A failure is shrunk for as long as the test has time, and told even so.
    { seed, numRuns: runs, examples: [[fullSchedule]], interruptAfterTimeLimit: runs * 8_000 },
  )
  // The schedules are worth something only where they reach both sides.
  expect(Object.keys(totals)).toEqual(
    expect.arrayContaining(['set ok', 'close ok', 'end ok', 'reap ok', 'setUnits ok']),
  )
})
