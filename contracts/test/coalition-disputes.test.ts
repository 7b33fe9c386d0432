import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { coalitionAbi } from '../abi/index.ts'
import { consentsOf, newPeople, newSalt, nextTerms } from '../testing/coalition-people.ts'
import { openTillSession } from '../testing/coalition-till.ts'
import { noHash, openTestCoalition, type SignedTerms, someHash, type TestCoalition } from '../testing/index.ts'

const compileTimeoutMs = 240_000
vi.setConfig({ testTimeout: compileTimeoutMs })

let bench: TestCoalition
beforeAll(async () => {
  bench = await openTestCoalition()
}, compileTimeoutMs)
afterAll(() => bench?.close())

/** Whatever was tried: what lies in the contract is what its books say, and nothing of it is nobody's. */
afterEach(async () => {
  expect(await bench.usdcOf(bench.coalition)).toBe(await bench.read('heldAtomic'))
})

const stake = 10_000_000n
const found = (all: readonly PrivateKeyAccount[], change: Partial<SignedTerms> = {}) =>
  bench.found(all, { salt: newSalt(), ...change })

test('guilty: the harmed payer first, then the accuser, then the honest, and the odd units to the treasury', async () => {
  const all = newPeople(4)
  const [a, b, c, d] = all
  const till = await openTillSession(bench, { dueAtomic: 2_999n })
  const { id } = await found(all, { vault: till.vault })
  const [accuser] = newPeople(1)
  const treasuryBefore = await bench.creditOf(bench.treasury)
  const dispute = await bench.accuse({ id, accused: a.address, reason: 1, session: till.session }, accuser)
  expect(await bench.refusal('settle', [dispute])).toBe('DisputeOpen')
  await bench.decide(dispute, true)
  const { events } = await bench.send('settle', [dispute])
  expect(await bench.refusal('settle', [dispute])).toBe('DisputeDecided')

  // Half of 10 USDC: 2,999 units, half a dollar, and 4,497,001 in three.
  expect(events.find(({ eventName }) => eventName === 'Slashed')?.args).toMatchObject({
    ...{ slashedAtomic: 5_000_000n, toPayerAtomic: 2_999n, toAccuserAtomic: 500_000n },
    ...{ toMembersAtomic: 4_497_000n, toTreasuryAtomic: 1n },
  })
  expect(await bench.creditOf(till.payer)).toBe(2_999n)
  expect(await bench.creditOf(accuser.address)).toBe(500_000n + 1_000_000n)
  for (const { address } of [b, c, d]) expect(await bench.creditOf(address)).toBe(1_499_000n)
  expect((await bench.creditOf(bench.treasury)) - treasuryBefore).toBe(1n)
  expect(await bench.stakeOf(id, a.address)).toEqual({
    ...{ amountAtomic: 5_000_000n, releasableAt: (await bench.now()) + 600n, openDisputes: 0 },
    ...{ isMember: false, isGuilty: true },
  })

  // A second session’s payer gets what the first one’s did not take; this one has all that it is owed.
  const [other] = newPeople(1)
  const again = await bench.accuse({ id, accused: a.address, session: till.session, evidenceHash: newSalt() }, other)
  await bench.decide(again, true)
  await bench.send('settle', [again])
  expect(await bench.creditOf(till.payer)).toBe(2_999n)
  expect((await bench.stakeOf(id, a.address)).amountAtomic).toBe(0n)
  for (const { address } of [b, c, d]) expect(await bench.creditOf(address)).toBe(1_499_000n + 1_500_000n)
  expect(await bench.refusal('release', [id, a.address])).toBe('NothingToRelease')
  await bench.send('withdraw', [till.payer])
  expect(await bench.usdcOf(till.payer)).toBe(till.refundedAtomic + 2_999n)
})

test('a breach that two accuse is slashed once, and whoever was second has only its bond back', async () => {
  const [a, b] = newPeople(2)
  const [first, second, third, late] = newPeople(4)
  const { id } = await found([a, b])
  const evidenceHash = newSalt()
  const subject = { id, accused: a.address, reason: 2, evidenceHash }
  const wrong = await bench.accuse({ ...subject, session: someHash }, third)
  const before = await bench.accuse(subject, first)
  const after = await bench.accuse({ ...subject, reason: 1 }, second)
  // Whoever accuses of it wrongly takes nobody's right to accuse of it.
  await bench.decide(wrong, false)
  await bench.decide(before, true)
  await bench.decide(after, true)
  // In whatever order it is settled.
  for (const dispute of [wrong, after, before]) await bench.send('settle', [dispute])
  expect((await bench.stakeOf(id, a.address)).amountAtomic).toBe(stake - stake / 4n)
  expect(await bench.creditOf(second.address)).toBe(1_000_000n)
  expect(await bench.creditOf(first.address)).toBe(1_500_000n)
  expect(await bench.creditOf(b.address)).toBe(stake / 4n - 500_000n)
  const bond = await bench.signer.bond(late, { ...subject, session: noHash }, 1_000_000n)
  const again = [id, a.address, 2, noHash, evidenceHash, '', bond, 1_000_000n]
  expect(await bench.refusal('accuse', again)).toBe('BreachPunished')
  // Nobody else is spared by it.
  await bench.accuse({ ...subject, accused: b.address }, late)
})

test('the payer does not go away empty for want of gas', async () => {
  const [a, b] = newPeople(2)
  const till = await openTillSession(bench, { dueAtomic: 1_000n })
  const { id } = await found([a, b], { vault: till.vault })
  const dispute = await bench.accuse({ id, accused: a.address, session: till.session })
  await bench.decide(dispute, true)
  const { stranger } = bench.accounts
  const settle = { address: bench.coalition, abi: coalitionAbi, functionName: 'settle', args: [dispute] } as const
  const passes = (gas: bigint): Promise<boolean> =>
    bench.publicClient.simulateContract({ ...settle, account: stranger.address, gas }).then(
      () => true,
      () => false,
    )
  let [short, gas] = [100_000n, 1_000_000n]
  while (gas - short > 200n) {
    const middle = (short + gas) / 2n
    if (await passes(middle)) gas = middle
    else short = middle
  }
  const hash = await bench.wallet(stranger).writeContract({ ...settle, gas })
  expect((await bench.publicClient.waitForTransactionReceipt({ hash })).status).toBe('success')
  expect(await bench.creditOf(till.payer)).toBe(1_000n)
})

test('innocent: the bond is the accused’s; undecided: it goes back, and nobody loses anything', async () => {
  const [a, b, x, y] = newPeople(4)
  const { id } = await found([a, b])
  const first = await bench.accuse({ id, accused: a.address }, x)
  const second = await bench.accuse({ id, accused: a.address }, y)
  const answer = [second, someHash, 'https://answer.test/1', await bench.signer.respond(a, second, someHash)]
  await bench.send('respond', answer)
  await bench.decide(first, false)
  expect(await bench.disputeOf(first)).toMatchObject({ verdict: 2, innocentVotes: 2, guiltyVotes: 0 })
  expect(await bench.refusal('respond', [first, someHash, '', answer[3]])).toBe('DisputeDecided')
  await bench.passSeconds(121)
  expect(await bench.refusal('close', [first])).toBe('DisputeDecided')
  await bench.send('close', [second])
  expect(await bench.disputeOf(second)).toMatchObject({ verdict: 3, responseHash: someHash })
  for (const dispute of [first, second]) await bench.send('settle', [dispute])
  expect([await bench.creditOf(a.address), await bench.creditOf(x.address)]).toEqual([1_000_000n, 0n])
  expect(await bench.creditOf(y.address)).toBe(1_000_000n)
  expect(await bench.stakeOf(id, a.address)).toEqual({
    ...{ amountAtomic: stake, releasableAt: 0n, openDisputes: 0, isMember: true, isGuilty: false },
  })
  expect(await bench.refusal('close', [99_999n])).toBe('DisputeUnknown')
})

test('an answer opens the vote from the next second on, and makes it no shorter', async () => {
  const [a, b] = newPeople(2)
  const { id } = await found([a, b])
  const dispute = await bench.accuse({ id, accused: a.address })
  const told = await bench.disputeOf(dispute)
  const [auditor] = bench.auditors as [PrivateKeyAccount]
  const vote = [dispute, true, auditor.address, await bench.signer.vote(auditor, dispute, true, someHash)]
  expect(await bench.refusal('vote', vote)).toBe('TooEarly')
  await bench.send('respond', [dispute, someHash, '', await bench.signer.respond(a, dispute, someHash)])
  const { respondUntil, voteUntil } = await bench.disputeOf(dispute)
  expect([respondUntil, voteUntil]).toEqual([await bench.now(), told.voteUntil])
  await bench.passSeconds(1)
  await bench.send('vote', vote)
  expect(await bench.refusal('vote', vote)).toBe('AlreadyVoted')
})

test('a removed auditor’s vote falls away where there is no verdict yet, and a verdict stands', async () => {
  const [a, b] = newPeople(2)
  const [liar, ...others] = bench.auditors as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { owner } = bench.accounts
  const { id } = await found([a, b])
  const open = await bench.accuse({ id, accused: a.address })
  const decided = await bench.accuse({ id, accused: b.address, evidenceHash: newSalt() })
  await bench.decide(decided, true)
  const vote = async (auditor: PrivateKeyAccount, isGuilty: boolean): Promise<unknown[]> => [
    ...[open, isGuilty, auditor.address],
    await bench.signer.vote(auditor, open, isGuilty, someHash),
  ]
  await bench.send('vote', await vote(liar, true))
  expect(await bench.disputeOf(open)).toMatchObject({ guiltyVotes: 1, verdict: 0 })
  await bench.send('setAuditor', [liar.address, false], owner)
  expect(await bench.disputeOf(open)).toMatchObject({ guiltyVotes: 0, verdict: 0 })
  expect(await bench.disputeOf(decided)).toMatchObject({ guiltyVotes: 2, verdict: 1 })

  // A lower quorum is for disputes to come: one vote is none here.
  await bench.send('setQuorum', [1], owner)
  await bench.send('vote', await vote(others[0], true))
  expect(await bench.disputeOf(open)).toMatchObject({ guiltyVotes: 1, quorum: 2, verdict: 0 })
  await bench.send('vote', await vote(others[1], false))
  expect(await bench.disputeOf(open)).toMatchObject({ guiltyVotes: 1, innocentVotes: 1, verdict: 0 })
  // Registered again, its vote is back, and it has no second one.
  await bench.send('setAuditor', [liar.address, true], owner)
  expect(await bench.disputeOf(open)).toMatchObject({ guiltyVotes: 2, verdict: 0 })
  expect(await bench.refusal('vote', await vote(liar, false))).toBe('AlreadyVoted')
  await bench.send('setQuorum', [2], owner)
})

test('no auditor judges a coalition that it has, or had, a stake in', async () => {
  const [a, b, party] = newPeople(3)
  const { owner } = bench.accounts
  const { id } = await found([a, b, party])
  await bench.send('leave', [id, party.address, await bench.signer.leave(party, id, 0)])
  await bench.passSeconds(600)
  await bench.send('release', [id, party.address])
  for (const { address } of [a, party]) await bench.send('setAuditor', [address, true], owner)
  const dispute = await bench.accuse({ id, accused: b.address })
  await bench.passSeconds(61)
  for (const one of [a, party]) {
    const vote = [dispute, true, one.address, await bench.signer.vote(one, dispute, true, someHash)]
    expect(await bench.refusal('vote', vote)).toBe('AuditorInvolved')
    await bench.send('setAuditor', [one.address, false], owner)
  }
})

test('a cheat that throws the honest out and brings a friend in does not get its slash back', async () => {
  const [cheat, honest, friend] = newPeople(3)
  const { id, terms } = await found([cheat, honest])
  await bench.mintUsdc(friend.address, stake)
  const grab = await nextTerms(bench, id, terms, [cheat, friend])
  const words = await consentsOf(bench, [cheat, friend], grab, one => one === cheat)
  // Before the accusation, and after it.
  const early = await bench.accuse({ id, accused: cheat.address, reason: 2 })
  await bench.send('resplit', [id, grab, words])
  const late = await bench.accuse({ id, accused: cheat.address, reason: 2, evidenceHash: newSalt() })
  const treasuryBefore = await bench.creditOf(bench.treasury)
  for (const dispute of [early, late]) {
    await bench.decide(dispute, true)
    await bench.send('settle', [dispute])
  }
  // A quarter of the stake each time, less half a dollar: the first time the honest one’s, the second time nobody’s here.
  expect(await bench.creditOf(honest.address)).toBe(2_000_000n)
  expect(await bench.creditOf(friend.address)).toBe(0n)
  expect((await bench.creditOf(bench.treasury)) - treasuryBefore).toBe(2_000_000n)
  // And what it is guilty of, it is here for good.
  const back = await nextTerms(bench, id, grab, [cheat, friend])
  const again = await consentsOf(bench, [cheat, friend], back, () => true)
  expect(await bench.refusal('resplit', [id, back, again])).toBe('PartyGuilty')
})

test('between verdict and settlement the guilty one neither returns, nor shares, nor is released', async () => {
  const [a, b, c] = newPeople(3)
  const { id, terms } = await found([a, b, c])
  const first = await bench.accuse({ id, accused: a.address })
  const second = await bench.accuse({ id, accused: b.address })
  await bench.decide(first, true)
  await bench.decide(second, true)
  await bench.send('settle', [second])
  expect([await bench.creditOf(a.address), await bench.creditOf(c.address)]).toEqual([0n, 9_500_000n])
  const stays = await nextTerms(bench, id, terms, [a, c])
  const words = await consentsOf(bench, [a, c], stays, () => true)
  expect(await bench.refusal('resplit', [id, stays, words])).toBe('PartyGuilty')
  await bench.send('leave', [id, a.address, await bench.signer.leave(a, id, 0)])
  await bench.passSeconds(600)
  expect(await bench.refusal('release', [id, a.address])).toBe('DisputesOpen')
  await bench.send('settle', [first])
  expect(await bench.creditOf(c.address)).toBe(19_000_000n)
})

test('a stake is liable until its unbonding is over, and free from then on', async () => {
  const [a, b] = newPeople(2)
  const { id, terms } = await found([a, b])
  await bench.passSeconds(Number(terms.endsAt - (await bench.now())))
  await bench.send('end', [id])
  await bench.passSeconds(500)
  const dispute = await bench.accuse({ id, accused: a.address })
  await bench.passSeconds(100)
  expect(await bench.refusal('release', [id, a.address])).toBe('DisputesOpen')
  const subject = { id, accused: b.address, reason: 0, session: someHash, evidenceHash: someHash }
  const bond = await bench.signer.bond(bench.accuser, subject, 1_000_000n)
  expect(await bench.refusal('accuse', [id, b.address, 0, someHash, someHash, '', bond, 1_000_000n])).toBe('NotMember')
  await bench.decide(dispute, true)
  await bench.send('settle', [dispute])
  // Who was a member to the end is one of the honest still.
  expect(await bench.creditOf(b.address)).toBe(9_500_000n)
  await bench.send('release', [id, b.address])
  expect(await bench.creditOf(b.address)).toBe(9_500_000n + stake)
})
