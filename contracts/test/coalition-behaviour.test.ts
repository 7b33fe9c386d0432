import { type Abi, type Address, type Hex, keccak256, numberToHex, stringToHex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { artifactOf } from '../build/compile.ts'
import { openTestCoalition, type SignedTerms, someHash, type TestCoalition, testAccount } from '../testing/index.ts'
import { openTillSession } from './coalition-till.ts'

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
let people = 0
/** People whom no other test knows. */
const newcomers = (count: number): PrivateKeyAccount[] =>
  Array.from({ length: count }, () => testAccount(`behaviour ${people++}`)) as PrivateKeyAccount[]
const addressesOf = (all: readonly PrivateKeyAccount[]): Address[] => all.map(({ address }) => address)
const salt = (): Hex => keccak256(stringToHex(`salt ${people++}`))

const consentsOf = (
  all: readonly PrivateKeyAccount[],
  terms: SignedTerms,
  hasStake: (one: PrivateKeyAccount) => boolean = () => false,
) => Promise.all(all.map(one => bench.signer.consent(one, terms, hasStake(one))))
const found = (all: readonly PrivateKeyAccount[], change: Partial<SignedTerms> = {}) =>
  bench.found(all, { salt: salt(), ...change })
/** The next terms of a coalition, with these parties; a layer each while there are as many, else the layers of before. */
async function next(id: bigint, of: SignedTerms, all: readonly PrivateKeyAccount[], change: Partial<SignedTerms> = {}) {
  const { parties, proposalEndsAt, endsAt } = await bench.terms(all)
  const last = parties.length - 1
  const tiling = parties.map((party, at) => ({
    ...party,
    firstLayer: Math.min(at, of.layers - 1),
    endLayer: at === last ? of.layers : Math.min(at + 1, of.layers),
  }))
  return { ...of, proposalEndsAt, endsAt, id, version: of.version + 1, parties: tiling, ...change }
}

const layersOf = (terms: SignedTerms, spans: readonly (readonly [number, number])[]) =>
  terms.parties.map((party, at) => ({ ...party, firstLayer: spans[at]![0], endLayer: spans[at]![1] }))

test('the contract fits onto every chain', async () => {
  const { deployedBytecode } = await artifactOf('Coalition')
  expect((deployedBytecode.length - 2) / 2).toBeLessThanOrEqual(24_576)
})

test('what the contract was made with can be read from it', async () => {
  expect(await bench.read('config')).toEqual({ ...bench.config, usdc: bench.manifest.contracts.usdc })
  expect(await bench.read('auditors')).toEqual(addressesOf(bench.auditors))
})

test('proposed by a relayer, signed by all, paid without a coin of gas of theirs: active', async () => {
  const all = newcomers(3)
  const terms = await bench.terms(all, { salt: salt() })
  for (const { address } of all) await bench.mintUsdc(address, stake)
  const { events } = await bench.send('propose', [terms, await consentsOf(all, terms)])
  const id = await bench.read<bigint>('coalitionOf', [await bench.read('termsHash', [terms])])
  expect(events.map(({ eventName }) => eventName)).toEqual(['Proposed', 'Consented', 'Consented', 'Consented'])
  expect(events[0]!.args).toEqual({
    ...{ id, operators: addressesOf(all), stakeAtomic: stake },
    termsHash: bench.signer.termsHash(terms),
  })
  expect(await bench.read('stateOf', [id])).toEqual([1, 0, bench.signer.termsHash(terms), terms.endsAt])
  await bench.send('activate', [id])
  expect(await bench.read('stateOf', [id])).toEqual([2, 0, bench.signer.termsHash(terms), terms.endsAt])
  expect(await bench.read('partiesOf', [id])).toEqual(terms.parties)
  for (const { address } of all) {
    expect(await bench.usdcOf(address)).toBe(0n)
    expect(await bench.stakeOf(id, address)).toEqual({
      ...{ amountAtomic: stake, releasableAt: 0n, openDisputes: 0, isMember: true, isGuilty: false },
    })
  }
})

test('words may come one by one; activation waits for all, and the same terms are one coalition only', async () => {
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
  const terms = await bench.terms([a, b], { salt: salt() })
  for (const { address } of [a, b]) await bench.mintUsdc(address, stake)
  const words = await consentsOf([a, b], terms)
  await bench.send('propose', [terms, []])
  expect(await bench.refusal('propose', [terms, words])).toBe('ProposalExists')
  const id = await bench.read<bigint>('coalitionOf', [bench.signer.termsHash(terms)])
  await bench.send('consent', [id, terms, [words[1]]])
  expect(await bench.refusal('activate', [id])).toBe('ConsentMissing')
  // One that was sent ahead by somebody does not undo the list.
  await bench.send('consent', [id, terms, words])
  await bench.send('activate', [id])
  expect(await bench.refusal('activate', [id])).toBe('StateWrong')
  expect(await bench.refusal('consent', [id, terms, []])).toBe('StateWrong')
})

test('a proposal that not all signed in time is over, and every stake goes back in full', async () => {
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
  const terms = await bench.terms([a, b], { salt: salt() })
  for (const { address } of [a, b]) await bench.mintUsdc(address, stake)
  const [first, second] = await consentsOf([a, b], terms)
  await bench.send('propose', [terms, [first]])
  const id = await bench.read<bigint>('coalitionOf', [bench.signer.termsHash(terms)])
  expect(await bench.refusal('end', [id])).toBe('TooEarly')
  expect(await bench.refusal('release', [id, a.address])).toBe('NothingToRelease')
  const subject = { id, accused: a.address, reason: 0, session: someHash, evidenceHash: someHash }
  const bond = await bench.signer.bond(bench.accuser, subject, 1_000_000n)
  const accusation = [id, a.address, 0, someHash, someHash, '', bond, 1_000_000n]
  expect(await bench.refusal('accuse', accusation)).toBe('StateWrong')

  await bench.passSeconds(601)
  expect(await bench.refusal('consent', [id, terms, [second]])).toBe('TooLate')
  expect(await bench.refusal('activate', [id])).toBe('TooLate')
  await bench.send('end', [id])
  expect(await bench.refusal('end', [id])).toBe('StateWrong')
  // It never served, so nobody can be accused of anything.
  expect(await bench.refusal('accuse', accusation)).toBe('NotMember')
  await bench.send('release', [id, a.address])
  expect(await bench.refusal('release', [id, a.address])).toBe('NothingToRelease')
  await bench.send('withdraw', [a.address])
  expect(await bench.usdcOf(a.address)).toBe(stake)
  expect(await bench.usdcOf(b.address)).toBe(stake)
})

test('terms that do not hold together are refused by name', async () => {
  const all = newcomers(3)
  const good = await bench.terms(all, { layers: 6, salt: salt() })
  const spans = (...list: (readonly [number, number])[]) => ({ parties: layersOf(good, list) })
  const party = (change: Partial<SignedTerms['parties'][number]>) => ({
    parties: good.parties.map((one, at) => ({ ...one, ...(at === 1 ? change : {}) })),
  })
  const flaws: Record<string, Partial<SignedTerms>> = {
    'no stake': { stakeAtomic: 0n },
    'a gap': spans([0, 2], [3, 4], [4, 6]),
    'an overlap': spans([0, 3], [2, 4], [4, 6]),
    'a span within another': spans([0, 6], [2, 4], [0, 6]),
    'shared by halves': spans([0, 3], [0, 2], [3, 6]),
    'too short': spans([0, 2], [2, 4], [4, 5]),
    'too long': spans([0, 2], [2, 4], [4, 7]),
    'beyond the end': spans([0, 6], [0, 6], [6, 7]),
    'an empty span': spans([0, 3], [3, 3], [3, 6]),
    'turned round': spans([0, 3], [6, 3], [3, 6]),
    'no layers': { layers: 0 },
    'nobody in it': { parties: [] },
    'one of them twice': { ...spans([0, 2], [2, 4], [4, 6]), ...party({ operator: all[0]!.address }) },
    'one of them nobody': party({ operator: `0x${'00'.repeat(20)}` }),
    'one without units': party({ units: 0 }),
    'no pool': { pool: `0x${'00'.repeat(20)}` },
    'no vault': { vault: `0x${'00'.repeat(20)}` },
    'over before all have signed': { endsAt: good.proposalEndsAt },
    'longer than is allowed': { endsAt: good.proposalEndsAt + 86_400n },
    'signed too late': { proposalEndsAt: (await bench.now()) - 1n },
    'a re-split': { version: 1 },
    'of another coalition': { id: 1n },
  }
  const sound = { ...good, ...spans([0, 2], [2, 4], [4, 6]) }
  const reasons: Record<string, string> = {}
  for (const [name, flaw] of Object.entries(flaws)) {
    reasons[name] = await bench.refusal('propose', [{ ...sound, ...flaw }, []])
  }
  const expected = Object.fromEntries(Object.keys(flaws).map(name => [name, 'TermsInvalid']))
  expect(reasons).toEqual({
    ...expected,
    ...{ 'no stake': 'StakeZero', 'signed too late': 'TooLate', 'a re-split': 'TermsVersionWrong' },
  })
  // In any order, and the same span more than once: that is no flaw.
  await bench.send('propose', [{ ...good, salt: salt(), ...spans([4, 6], [0, 4], [0, 4]) }, []])
})

test('32 parties may share a coalition, 33 not', async () => {
  const all = newcomers(33)
  const many = await bench.terms(all, { salt: salt() })
  expect(await bench.refusal('propose', [many, []])).toBe('TermsInvalid')
  const { id } = await found(all.slice(0, 32))
  expect(await bench.read<unknown[]>('partiesOf', [id])).toHaveLength(32)
  const dispute = await bench.accuse({ id, accused: all[0]!.address })
  await bench.decide(dispute, true)
  await bench.send('settle', [dispute])
  // 10 USDC less half a dollar of the accuser’s, in 31 parts; what is left over is the treasury’s.
  const each = 9_500_000n / 31n
  expect(await bench.creditOf(all[1]!.address)).toBe(each)
  expect(await bench.creditOf(all[31]!.address)).toBe(each)
})

test('a contract wallet is a party like any other', async () => {
  const [a] = newcomers(1) as [PrivateKeyAccount]
  const { abi, bytecode } = await artifactOf('ContractWallet', ['test/hostile'])
  const hash = await bench.wallet(bench.accounts.owner).deployContract({ abi: abi as Abi, bytecode, args: [] })
  const wallet = (await bench.publicClient.waitForTransactionReceipt({ hash })).contractAddress!
  const sesame = stringToHex('open sesame')
  const terms = await bench.terms([a, { address: wallet } as PrivateKeyAccount], { salt: salt() })
  for (const address of [a.address, wallet]) await bench.mintUsdc(address, stake)
  const [one] = await consentsOf([a], terms)
  const other = { ...one!, operator: wallet, termsSignature: sesame, stakeSignature: sesame }
  const barley = stringToHex('open barley')
  expect(await bench.refusal('propose', [terms, [one, { ...other, termsSignature: barley }]])).toBe('SignatureInvalid')
  expect(await bench.refusal('propose', [terms, [one, { ...other, stakeSignature: barley }]])).toBe('InvalidSignature')
  await bench.send('propose', [terms, [one, other]])
  const id = await bench.read<bigint>('coalitionOf', [bench.signer.termsHash(terms)])
  await bench.send('activate', [id])
  expect(await bench.stakeOf(id, wallet)).toMatchObject({ amountAtomic: stake, isMember: true })
})

test('who leaves waits out the unbonding, then has its stake back to the last unit', async () => {
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
  const { id } = await found([a, b])
  const word = await bench.signer.leave(a, id, 0)
  expect(await bench.refusal('leave', [id, b.address, word])).toBe('SignatureInvalid')
  expect(await bench.refusal('leave', [id, a.address, await bench.signer.leave(a, id, 1)])).toBe('SignatureInvalid')
  await bench.send('leave', [id, a.address, word])
  const releasableAt = (await bench.now()) + 600n
  expect(await bench.stakeOf(id, a.address)).toMatchObject({ releasableAt, isMember: false })
  expect(await bench.refusal('leave', [id, a.address, word])).toBe('NotMember')
  expect(await bench.refusal('release', [id, a.address])).toBe('TooEarly')
  await bench.passSeconds(600)
  await bench.send('release', [id, a.address])
  expect(await bench.refusal('release', [id, a.address])).toBe('NothingToRelease')
  await bench.send('withdraw', [a.address])
  expect(await bench.usdcOf(a.address)).toBe(stake)
  // Nothing is left, and asking for it is no fault.
  await bench.send('withdraw', [a.address])
  expect(await bench.usdcOf(a.address)).toBe(stake)
})

test('a re-split brings one in and leaves one out; who stays, or comes back in time, pays nothing more', async () => {
  const [a, b, c, d] = newcomers(4) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { id, terms } = await found([a, b, c])
  await bench.mintUsdc(d.address, stake)
  const first = await next(id, terms, [b, c, d])
  const words = await consentsOf([b, c, d], first, one => one !== d)
  expect(await bench.refusal('resplit', [id, first, words.slice(0, 2)])).toBe('ConsentMissing')
  const { events } = await bench.send('resplit', [id, first, words])
  expect(events.map(({ eventName }) => eventName)).toEqual(['Left', 'Resplit', 'Consented', 'Consented', 'Consented'])
  expect(await bench.read('stateOf', [id])).toEqual([2, 1, bench.signer.termsHash(first), first.endsAt])
  expect(await bench.read('partiesOf', [id])).toEqual(first.parties)
  expect(await bench.stakeOf(id, a.address)).toMatchObject({ amountAtomic: stake, isMember: false })

  const second = await next(id, first, [a, b, c, d], { layers: 3 })
  const shared = {
    ...second,
    parties: layersOf(second, [
      [0, 1],
      [0, 1],
      [1, 3],
      [1, 3],
    ] as const),
  }
  await bench.send('resplit', [id, shared, await consentsOf([a, b, c, d], shared, () => true)])
  expect(await bench.stakeOf(id, a.address)).toMatchObject({ amountAtomic: stake, releasableAt: 0n, isMember: true })
  // What a said when it left, had it been kept, throws it out no more.
  expect(await bench.refusal('leave', [id, a.address, await bench.signer.leave(a, id, 0)])).toBe('SignatureInvalid')
})

test('a re-split keeps what all have staked on, and is the next one', async () => {
  const [a, b, c] = newcomers(3) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { id, terms } = await found([a, b])
  const sound = await next(id, terms, [a, b])
  const flaws: Record<string, [Partial<SignedTerms>, string]> = {
    'another stake': [{ stakeAtomic: stake + 1n }, 'TermsInvalid'],
    'another vault': [{ vault: c.address }, 'TermsInvalid'],
    'another pool': [{ pool: c.address }, 'TermsInvalid'],
    'another model': [{ modelDigest: someHash }, 'TermsInvalid'],
    'another coalition’s': [{ id: id + 1n }, 'TermsInvalid'],
    'a version left out': [{ version: 2 }, 'TermsVersionWrong'],
    'the same version': [{ version: 0 }, 'TermsVersionWrong'],
    'signed too late': [{ proposalEndsAt: (await bench.now()) - 1n }, 'TooLate'],
  }
  for (const [name, [flaw, reason]] of Object.entries(flaws)) {
    const terms = { ...sound, ...flaw }
    const words = await consentsOf([a, b], terms, () => true)
    expect([name, await bench.refusal('resplit', [id, terms, words])]).toEqual([name, reason])
  }
  const dearer = { ...sound, pricePerSecondAtomic: 7n, endsAt: sound.endsAt + 60n }
  await bench.send('resplit', [id, dearer, await consentsOf([a, b], dearer, () => true)])
  await bench.passSeconds(3_700)
  const late = await next(id, dearer, [a, b])
  expect(await bench.refusal('resplit', [id, late, await consentsOf([a, b], late, () => true)])).toBe('TooLate')
})

test('no stranger takes a coalition over, and no minority; of two, one goes on alone', async () => {
  const [a, b, c, d] = newcomers(4) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { id, terms } = await found([a, b, c])
  for (const those of [[d], [a, d]]) {
    for (const { address } of those) await bench.mintUsdc(address, stake)
    const grab = await next(id, terms, those)
    const words = await consentsOf(those, grab, one => one !== d)
    expect(await bench.refusal('resplit', [id, grab, words])).toBe('MembersTooFew')
  }
  const pair = await found([a, b])
  const alone = await next(pair.id, pair.terms, [a, d])
  await bench.mintUsdc(d.address, stake)
  await bench.send('resplit', [pair.id, alone, await consentsOf([a, d], alone, one => one === a)])
  expect(await bench.stakeOf(pair.id, b.address)).toMatchObject({ amountAtomic: stake, isMember: false })
})

test('guilty: the harmed payer first, then the accuser, then the honest, and the odd units to the treasury', async () => {
  const all = newcomers(4)
  const [a, b, c, d] = all as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const till = await openTillSession(bench, { dueAtomic: 2_999n })
  const { id } = await found(all, { vault: till.vault })
  const [accuser] = newcomers(1) as [PrivateKeyAccount]
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
  const [other] = newcomers(1) as [PrivateKeyAccount]
  const again = await bench.accuse({ id, accused: a.address, session: till.session, evidenceHash: salt() }, other)
  await bench.decide(again, true)
  await bench.send('settle', [again])
  expect(await bench.creditOf(till.payer)).toBe(2_999n)
  expect((await bench.stakeOf(id, a.address)).amountAtomic).toBe(0n)
  for (const { address } of [b, c, d]) expect(await bench.creditOf(address)).toBe(1_499_000n + 1_500_000n)
  expect(await bench.refusal('release', [id, a.address])).toBe('NothingToRelease')
  await bench.send('withdraw', [till.payer])
  expect(await bench.usdcOf(till.payer)).toBe(till.refundedAtomic + 2_999n)
})

test('the payer does not go away empty for want of gas', async () => {
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
  const till = await openTillSession(bench, { dueAtomic: 1_000n })
  const { id } = await found([a, b], { vault: till.vault })
  const dispute = await bench.accuse({ id, accused: a.address, session: till.session })
  await bench.decide(dispute, true)
  let leastGas = 100_000n
  for (; leastGas < 800_000n; leastGas += 10_000n) {
    const call = { address: bench.coalition, abi: (await artifactOf('Coalition')).abi, functionName: 'settle' }
    const tried = { ...call, args: [dispute], gas: leastGas, account: bench.accounts.stranger.address }
    const passes = await bench.publicClient.simulateContract(tried).then(
      () => true,
      () => false,
    )
    if (passes) break
  }
  const hash = await bench.wallet(bench.accounts.stranger).writeContract({
    ...{ address: bench.coalition, abi: (await artifactOf('Coalition')).abi, functionName: 'settle' },
    ...{ args: [dispute], gas: leastGas },
  })
  expect((await bench.publicClient.waitForTransactionReceipt({ hash })).status).toBe('success')
  expect(await bench.creditOf(till.payer)).toBe(1_000n)
})

test('innocent: the bond is the accused’s; undecided: it goes back, and nobody loses anything', async () => {
  const [a, b, x, y] = newcomers(4) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
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
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
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
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
  const [liar, ...others] = bench.auditors as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { owner } = bench.accounts
  const { id } = await found([a, b])
  const open = await bench.accuse({ id, accused: a.address })
  const decided = await bench.accuse({ id, accused: b.address, evidenceHash: salt() })
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
  const [a, b, party] = newcomers(3) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
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
  const [cheat, honest, friend] = newcomers(3) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { id, terms } = await found([cheat, honest])
  await bench.mintUsdc(friend.address, stake)
  const grab = await next(id, terms, [cheat, friend])
  const words = await consentsOf([cheat, friend], grab, one => one === cheat)
  // Before the accusation, and after it.
  const early = await bench.accuse({ id, accused: cheat.address, reason: 2 })
  await bench.send('resplit', [id, grab, words])
  const late = await bench.accuse({ id, accused: cheat.address, reason: 2, evidenceHash: salt() })
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
  const back = await next(id, grab, [cheat, friend])
  const again = await consentsOf([cheat, friend], back, () => true)
  expect(await bench.refusal('resplit', [id, back, again])).toBe('PartyGuilty')
})

test('between verdict and settlement the guilty one neither returns, nor shares, nor is released', async () => {
  const [a, b, c] = newcomers(3) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const { id, terms } = await found([a, b, c])
  const first = await bench.accuse({ id, accused: a.address })
  const second = await bench.accuse({ id, accused: b.address })
  await bench.decide(first, true)
  await bench.decide(second, true)
  await bench.send('settle', [second])
  expect([await bench.creditOf(a.address), await bench.creditOf(c.address)]).toEqual([0n, 9_500_000n])
  const stays = await next(id, terms, [a, c])
  const words = await consentsOf([a, c], stays, () => true)
  expect(await bench.refusal('resplit', [id, stays, words])).toBe('PartyGuilty')
  await bench.send('leave', [id, a.address, await bench.signer.leave(a, id, 0)])
  await bench.passSeconds(600)
  expect(await bench.refusal('release', [id, a.address])).toBe('DisputesOpen')
  await bench.send('settle', [first])
  expect(await bench.creditOf(c.address)).toBe(19_000_000n)
})

test('a stake is liable until its unbonding is over, and free from then on', async () => {
  const [a, b] = newcomers(2) as [PrivateKeyAccount, PrivateKeyAccount]
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

test('the owner names auditors, and can do nothing else', async () => {
  const { owner, stranger } = bench.accounts
  expect(await bench.refusal('setAuditor', [stranger.address, true])).toBe('OwnableUnauthorizedAccount')
  expect(await bench.refusal('setQuorum', [1])).toBe('OwnableUnauthorizedAccount')
  expect(await bench.refusal('setQuorum', [0], owner)).toBe('ConfigInvalid')
  expect(await bench.refusal('renounceOwnership', [], owner)).toBe('OwnerNeeded')
  for (let auditor = 0x100; auditor < 0x11d; auditor++) {
    await bench.send('setAuditor', [numberToHex(auditor, { size: 20 }), true], owner)
  }
  expect(await bench.refusal('setAuditor', [stranger.address, true], owner)).toBe('ConfigInvalid')
  for (let auditor = 0x100; auditor < 0x11d; auditor++) {
    await bench.send('setAuditor', [numberToHex(auditor, { size: 20 }), false], owner)
  }
  await bench.send('transferOwnership', [stranger.address], owner)
  expect(await bench.read('owner')).toBe(owner.address)
  await bench.send('acceptOwnership', [])
  expect(await bench.read('owner')).toBe(stranger.address)
  await bench.send('transferOwnership', [owner.address])
  await bench.send('acceptOwnership', [], owner)
})
