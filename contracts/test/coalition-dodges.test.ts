import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  auditors,
  type CoalitionBench,
  config,
  noHash,
  openCoalitionBench,
  treasury,
  vaultPriceAtomic,
} from './coalition-bench.ts'
import {
  accuse,
  against,
  ann,
  ballot,
  ben,
  cay,
  creditsOf,
  decide,
  dot,
  evidenceHash,
  expectEmptied,
  found,
  half,
  harmed,
  watcher,
} from './coalition-scenes.ts'
import { compileTimeoutMs } from './vault-bench.ts'

vi.setConfig({ testTimeout: compileTimeoutMs })

let bench: CoalitionBench
beforeAll(async () => {
  bench = await openCoalitionBench()
}, compileTimeoutMs)
afterAll(() => bench?.close())

const { responseSeconds, voteSeconds, unbondingSeconds, bondAtomic, accuserCostAtomic } = config

/** Runs a test and takes the chain back to before it. */
const apart = (name: string, body: () => Promise<void>): void => test(name, () => bench.apart(body))

// ── dodging ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const guiltyAndGone = async (id: bigint, dispute: bigint, who: PrivateKeyAccount): Promise<void> => {
  // Neither before the verdict, nor between verdict and settlement.
  await bench.wait(unbondingSeconds)
  expect(await bench.attempt('release', [id, who.address])).toBe('DisputesOpen')
  await bench.send('settle', [dispute])
  expect((await bench.stakeOf(id, who.address)).amountAtomic).toBe(0n)
  expect(await bench.attempt('release', [id, who.address])).toBe('NothingToRelease')
  expect(await bench.creditOf(who.address)).toBe(0n)
}

apart('leaving before the verdict saves no stake', async () => {
  const { id } = await found(bench, [ann, ben, cay])
  const dispute = await accuse(bench, watcher, against(id, ann))
  await bench.send('leave', [id, ann.address, await bench.signer.leave(ann, id, 0)])
  await decide(bench, dispute, true)
  await guiltyAndGone(id, dispute, ann)
  await expectEmptied(bench)
})

apart('who left first, is accused afterwards all the same, up to the last second', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay])
  await bench.send('leave', [id, ann.address, await bench.signer.leave(ann, id, 0)])
  expect(await bench.stakeOf(id, ann.address)).toEqual({
    ...{ amountAtomic: terms.stakeAtomic, openDisputes: 0, isMember: false, isGuilty: false },
    releasableAt: BigInt(bench.now() + unbondingSeconds),
  })
  await bench.wait(unbondingSeconds - 3)
  expect(await bench.attempt('release', [id, ann.address])).toBe('TooEarly')
  const dispute = await accuse(bench, watcher, against(id, ann))
  await decide(bench, dispute, true)
  await guiltyAndGone(id, dispute, ann)
})

apart('being left out of a re-split saves no stake', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay])
  const dispute = await accuse(bench, watcher, against(id, ann))
  const next = { ...bench.terms([ben, cay], { ...terms, id, version: 1 }), parties: bench.terms([ben, cay]).parties }
  const words = await Promise.all([ben, cay].map(one => bench.signer.consent(one, next, true)))
  await bench.send('resplit', [id, next, words])
  await decide(bench, dispute, true)
  await guiltyAndGone(id, dispute, ann)
})

apart('the end of the term saves no stake', async () => {
  const { id } = await found(bench, [ann, ben, cay], { endsAt: BigInt(bench.now() + 201) })
  expect(await bench.attempt('end', [id])).toBe('TooEarly')
  await bench.wait(200)
  const dispute = await accuse(bench, watcher, against(id, ann))
  await bench.send('end', [id])
  await decide(bench, dispute, true)
  await guiltyAndGone(id, dispute, ann)
  await expectEmptied(bench)
})

apart('whose term is over is accused while the stake lies here, and honest ones still get theirs', async () => {
  const { id, terms } = await found(bench, [ann, ben], { endsAt: BigInt(bench.now() + 201) })
  await bench.wait(201)
  await bench.send('end', [id])
  expect(await bench.attempt('release', [id, ann.address])).toBe('TooEarly')
  const dispute = await accuse(bench, watcher, against(id, ann))
  await decide(bench, dispute, true)
  await guiltyAndGone(id, dispute, ann)
  await bench.send('release', [id, ben.address])
  expect(await bench.creditOf(ben.address)).toBeGreaterThanOrEqual(terms.stakeAtomic)
})

apart('coming back does not wash an accusation off', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay])
  const dispute = await accuse(bench, watcher, against(id, ann))
  await bench.send('leave', [id, ann.address, await bench.signer.leave(ann, id, 0)])
  const next = { ...terms, id, version: 1 }
  for (const stake of [true, false]) {
    const words = await Promise.all([ann, ben, cay].map(one => bench.signer.consent(one, next, one !== ann || !stake)))
    await bench.apart(async () => {
      await bench.send('resplit', [id, next, words])
      await decide(bench, dispute, true)
      await bench.send('settle', [dispute])
      expect(await bench.stakeOf(id, ann.address)).toMatchObject({ openDisputes: 0, isMember: false })
      expect(await bench.read('heldAtomic')).toBe(await bench.usdcOf(bench.coalition))
      await expectEmptied(bench)
    })
  }
})

apart('an unbonding that a verdict could outlast is no configuration', async () => {
  const wrong: Record<string, Partial<typeof bench.fullConfig>> = {
    'unbonds too soon': { unbondingSeconds: responseSeconds + voteSeconds - 1 },
    'no bond': { bondAtomic: 0n },
    'no quorum': { quorum: 0 },
    'slashes nothing': { slashBps: [10_000, 5_000, 0, 1] as never },
    'slashes more than all': { slashBps: [10_001, 5_000, 1, 1] as never },
    'no treasury': { treasury: `0x${'00'.repeat(20)}` },
  }
  for (const [name, change] of Object.entries(wrong)) {
    const made = bench.deploy(bench.artifact, [{ ...bench.fullConfig, ...change }])
    await expect(made, name).rejects.toThrow('ConfigInvalid')
  }
})

// ── replay, and double settlement ────────────────────────────────────────────────────────────────────────────────────

apart('a verdict is paid out once, and the rest of the stake leaves once', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay])
  const dispute = await accuse(bench, watcher, against(id, ann, { reason: half }))
  await decide(bench, dispute, true)
  await bench.send('settle', [dispute])
  const slashed = (terms.stakeAtomic * BigInt(config.slashBps[half])) / 10_000n
  const rest = terms.stakeAtomic - slashed
  const shared = slashed - accuserCostAtomic
  const credits = [bondAtomic + accuserCostAtomic, shared / 2n, shared / 2n, 0n]
  expect(await creditsOf(bench, [watcher, ben, cay, ann])).toEqual(credits)
  expect(await bench.creditOf(treasury)).toBe(shared % 2n)

  for (let again = 0; again < 2; again++) {
    expect(await bench.attempt('settle', [dispute])).toBe('DisputeDecided')
    expect(await bench.attempt('close', [dispute])).toBe('DisputeDecided')
    expect(await bench.attempt('vote', await ballot(bench, auditors[2]!, dispute, true))).toBe('DisputeDecided')
  }
  expect(await creditsOf(bench, [watcher, ben, cay, ann])).toEqual(credits)
  // The same evidence, whoever brings it.
  const again = await bench.accusation(watcher, against(id, ann, { reason: half }))
  expect(await bench.attempt('accuse', again)).toBe('BreachPunished')

  expect(await bench.stakeOf(id, ann.address)).toMatchObject({ amountAtomic: rest, isMember: false, openDisputes: 0 })
  expect(await bench.attempt('release', [id, ann.address])).toBe('TooEarly')
  expect(await bench.attempt('leave', [id, ann.address, await bench.signer.leave(ann, id, 0)])).toBe('NotMember')
  await bench.wait(unbondingSeconds)
  await bench.send('release', [id, ann.address])
  expect(await bench.attempt('release', [id, ann.address])).toBe('NothingToRelease')
  expect(await bench.creditOf(ann.address)).toBe(rest)
  await bench.send('withdraw', [ann.address])
  await bench.attempt('withdraw', [ann.address])
  expect(await bench.creditOf(ann.address)).toBe(0n)
  await expectEmptied(bench)
})

apart('a verdict is paid out once, though the stake is held by another accusation', async () => {
  const { id } = await found(bench, [ann, ben, cay])
  const first = await accuse(bench, watcher, against(id, ann, { reason: half }))
  const second = await accuse(bench, harmed, against(id, ann, { reason: half }))
  for (const dispute of [first, second]) {
    await decide(bench, dispute, true)
    await bench.send('settle', [dispute])
    const credits = await creditsOf(bench, [watcher, harmed, ben, cay])
    for (const settled of [first, dispute]) {
      expect(await bench.attempt('settle', [settled])).toBe('DisputeDecided')
    }
    expect(await creditsOf(bench, [watcher, harmed, ben, cay])).toEqual(credits)
  }
  await expectEmptied(bench)
})

apart('two verdicts on one stake take no more than there is', async () => {
  const { id, terms } = await found(bench, [ann, ben])
  const disputes = [
    await accuse(bench, watcher, against(id, ann)),
    await accuse(bench, harmed, against(id, ann, { reason: half })),
    await accuse(bench, ben, against(id, ann, { evidenceHash: noHash })),
  ]
  for (const dispute of disputes) await decide(bench, dispute, true)
  for (const dispute of disputes) await bench.send('settle', [dispute])
  expect(await creditsOf(bench, [watcher, harmed, ben])).toEqual([
    bondAtomic + accuserCostAtomic,
    bondAtomic,
    bondAtomic + terms.stakeAtomic - accuserCostAtomic,
  ])
  await expectEmptied(bench)
})

apart('a member’s word to leave is for one coalition', async () => {
  const { id } = await found(bench, [ann, ben])
  const other = await found(bench, [ann, ben], { salt: evidenceHash })
  const signature = await bench.signer.leave(ann, id, 0)
  expect(await bench.attempt('leave', [other.id, ann.address, signature])).toBe('SignatureInvalid')
  expect(await bench.attempt('leave', [id, ben.address, signature])).toBe('SignatureInvalid')
  await bench.send('leave', [id, ann.address, signature])
  expect(await bench.attempt('leave', [id, ann.address, signature])).toBe('NotMember')
})

// ── who is paid ──────────────────────────────────────────────────────────────────────────────────────────────────────

apart('dust goes to the treasury, and all where nobody honest is left', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay, dot])
  const dispute = await accuse(bench, watcher, against(id, ann))
  await decide(bench, dispute, true)
  await bench.send('settle', [dispute])
  const shared = terms.stakeAtomic - accuserCostAtomic
  expect(shared % 3n).not.toBe(0n)
  expect(await creditsOf(bench, [ben, cay, dot])).toEqual([shared / 3n, shared / 3n, shared / 3n])
  expect(await bench.creditOf(treasury)).toBe(shared % 3n)

  const alone = await found(bench, [ann], { salt: evidenceHash })
  const last = await accuse(bench, watcher, against(alone.id, ann, { evidenceHash: noHash }))
  await decide(bench, last, true)
  await bench.send('settle', [last])
  expect(await bench.creditOf(treasury)).toBe((shared % 3n) + terms.stakeAtomic - accuserCostAtomic)
  await expectEmptied(bench)
})

apart('the harmed session’s payer is paid first, and no more than it owes operators', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay], { stakeAtomic: 2n * vaultPriceAtomic + 1n })
  const due = 3n * vaultPriceAtomic
  const session = await bench.harmedSession(harmed, due)
  // Less than the session owes: the payer has all of it, the accuser nothing but the bond.
  const dispute = await accuse(bench, watcher, against(id, ann, { session }))
  await decide(bench, dispute, true)
  const events = await bench.send('settle', [dispute])
  expect(events.find(({ eventName }) => eventName === 'Slashed')!.args).toEqual({
    ...{ dispute, id, accused: ann.address, slashedAtomic: terms.stakeAtomic, toPayerAtomic: terms.stakeAtomic },
    ...{ toAccuserAtomic: 0n, toMembersAtomic: 0n, toTreasuryAtomic: 0n },
  })
  expect(await creditsOf(bench, [harmed, watcher, ben, cay])).toEqual([terms.stakeAtomic, bondAtomic, 0n, 0n])
  const before = await bench.usdcOf(harmed.address)
  await bench.send('withdraw', [harmed.address])
  expect((await bench.usdcOf(harmed.address)) - before).toBe(terms.stakeAtomic)
  await expectEmptied(bench)
})

apart('what is over after the payer is the accuser’s, the honest members’ and the treasury’s', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay, dot])
  const due = 1_501n
  const session = await bench.harmedSession(harmed, due)
  const dispute = await accuse(bench, watcher, against(id, ann, { session }))
  await decide(bench, dispute, true)
  await bench.send('settle', [dispute])
  const shared = terms.stakeAtomic - due - accuserCostAtomic
  expect(await creditsOf(bench, [harmed, watcher, ben, cay, dot])).toEqual([
    ...[due, bondAtomic + accuserCostAtomic],
    ...[shared / 3n, shared / 3n, shared / 3n],
  ])
  expect(await bench.creditOf(treasury)).toBe(shared % 3n)
  await expectEmptied(bench)
})

apart('an accuser who was wrong loses the bond to the accused', async () => {
  const { id, terms } = await found(bench, [ann, ben])
  const dispute = await accuse(bench, watcher, against(id, ann))
  await decide(bench, dispute, false)
  await bench.send('settle', [dispute])
  expect(await creditsOf(bench, [watcher, ann])).toEqual([0n, bondAtomic])
  expect(await bench.stakeOf(id, ann.address)).toMatchObject({ amountAtomic: terms.stakeAtomic, isMember: true })
})
