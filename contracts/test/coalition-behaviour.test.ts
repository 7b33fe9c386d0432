import { type Abi, numberToHex, stringToHex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { artifactOf } from '../build/compile.ts'
import { addressesOf, consentsOf, newPeople, newSalt, nextTerms, spannedBy } from '../testing/coalition-people.ts'
import { openTestCoalition, type SignedTerms, someHash, type TestCoalition } from '../testing/index.ts'

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

test('the contract fits onto every chain', async () => {
  const { deployedBytecode } = await artifactOf('Coalition')
  expect((deployedBytecode.length - 2) / 2).toBeLessThanOrEqual(24_576)
})

test('what the contract was made with can be read from it', async () => {
  expect(await bench.read('config')).toEqual({ ...bench.config, usdc: bench.manifest.contracts.usdc })
  expect(await bench.read('auditors')).toEqual(addressesOf(bench.auditors))
})

test('proposed by a relayer, signed by all, paid without a coin of gas of theirs: active', async () => {
  const all = newPeople(3)
  const terms = await bench.terms(all, { salt: newSalt() })
  for (const { address } of all) await bench.mintUsdc(address, stake)
  const { events } = await bench.send('propose', [terms, await consentsOf(bench, all, terms)])
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
  const [a, b] = newPeople(2)
  const terms = await bench.terms([a, b], { salt: newSalt() })
  for (const { address } of [a, b]) await bench.mintUsdc(address, stake)
  const words = await consentsOf(bench, [a, b], terms)
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
  const [a, b] = newPeople(2)
  const terms = await bench.terms([a, b], { salt: newSalt() })
  for (const { address } of [a, b]) await bench.mintUsdc(address, stake)
  const [first, second] = await consentsOf(bench, [a, b], terms)
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
  const all = newPeople(3)
  const good = await bench.terms(all, { layers: 6, salt: newSalt() })
  const spans = (...list: (readonly [number, number])[]) => ({ parties: spannedBy(good, list) })
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
  await bench.send('propose', [{ ...good, salt: newSalt(), ...spans([4, 6], [0, 4], [0, 4]) }, []])
})

test('32 parties may share a coalition, 33 not', async () => {
  const all = newPeople(33)
  const many = await bench.terms(all, { salt: newSalt() })
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
  const [a] = newPeople(1)
  const { abi, bytecode } = await artifactOf('ContractWallet', ['test/hostile'])
  const hash = await bench.wallet(bench.accounts.owner).deployContract({ abi: abi as Abi, bytecode, args: [] })
  const wallet = (await bench.publicClient.waitForTransactionReceipt({ hash })).contractAddress!
  const sesame = stringToHex('open sesame')
  const terms = await bench.terms([a, { address: wallet } as PrivateKeyAccount], { salt: newSalt() })
  for (const address of [a.address, wallet]) await bench.mintUsdc(address, stake)
  const [one] = await consentsOf(bench, [a], terms)
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
  const [a, b] = newPeople(2)
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
  const [a, b, c, d] = newPeople(4)
  const { id, terms } = await found([a, b, c])
  await bench.mintUsdc(d.address, stake)
  const first = await nextTerms(bench, id, terms, [b, c, d])
  const words = await consentsOf(bench, [b, c, d], first, one => one !== d)
  expect(await bench.refusal('resplit', [id, first, words.slice(0, 2)])).toBe('ConsentMissing')
  const { events } = await bench.send('resplit', [id, first, words])
  expect(events.map(({ eventName }) => eventName)).toEqual(['Left', 'Resplit', 'Consented', 'Consented', 'Consented'])
  expect(events.slice(2).map(({ args }) => args)).toEqual(
    [b, c, d].map(({ address }) => ({ id, operator: address, stakeAtomic: address === d.address ? stake : 0n })),
  )
  expect(await bench.read('stateOf', [id])).toEqual([2, 1, bench.signer.termsHash(first), first.endsAt])
  expect(await bench.read('partiesOf', [id])).toEqual(first.parties)
  expect(await bench.stakeOf(id, a.address)).toMatchObject({ amountAtomic: stake, isMember: false })

  const second = await nextTerms(bench, id, first, [a, b, c, d])
  const shared = {
    ...second,
    parties: spannedBy(second, [
      [0, 1],
      [0, 1],
      [1, 3],
      [1, 3],
    ] as const),
  }
  await bench.send('resplit', [id, shared, await consentsOf(bench, [a, b, c, d], shared, () => true)])
  expect(await bench.stakeOf(id, a.address)).toMatchObject({ amountAtomic: stake, releasableAt: 0n, isMember: true })
  // What a said when it left, had it been kept, throws it out no more.
  expect(await bench.refusal('leave', [id, a.address, await bench.signer.leave(a, id, 0)])).toBe('SignatureInvalid')
})

test('a re-split keeps what all have staked on, and is the next one', async () => {
  const [a, b, c] = newPeople(3)
  const { id, terms } = await found([a, b])
  const sound = await nextTerms(bench, id, terms, [a, b])
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
    const words = await consentsOf(bench, [a, b], terms, () => true)
    expect([name, await bench.refusal('resplit', [id, terms, words])]).toEqual([name, reason])
  }
  const dearer = { ...sound, pricePerSecondAtomic: 7n, endsAt: sound.endsAt + 60n }
  await bench.send('resplit', [id, dearer, await consentsOf(bench, [a, b], dearer, () => true)])
  await bench.passSeconds(3_700)
  const late = await nextTerms(bench, id, dearer, [a, b])
  expect(await bench.refusal('resplit', [id, late, await consentsOf(bench, [a, b], late, () => true)])).toBe('TooLate')
})

test('no stranger takes a coalition over, and no minority; of two, or of those who are not guilty, one goes on', async () => {
  const [a, b, c, d] = newPeople(4)
  const { id, terms } = await found([a, b, c])
  for (const those of [[d], [a, d]]) {
    for (const { address } of those) await bench.mintUsdc(address, stake)
    const grab = await nextTerms(bench, id, terms, those)
    const words = await consentsOf(bench, those, grab, one => one !== d)
    expect(await bench.refusal('resplit', [id, grab, words])).toBe('MembersTooFew')
  }
  const pair = await found([a, b])
  const alone = await nextTerms(bench, pair.id, pair.terms, [a, d])
  await bench.mintUsdc(d.address, stake)
  await bench.send('resplit', [pair.id, alone, await consentsOf(bench, [a, d], alone, one => one === a)])
  expect(await bench.stakeOf(pair.id, b.address)).toMatchObject({ amountAtomic: stake, isMember: false })

  const dispute = await bench.accuse({ id, accused: a.address })
  await bench.decide(dispute, true)
  const rest = await nextTerms(bench, id, terms, [b, d])
  await bench.mintUsdc(d.address, stake)
  await bench.send('resplit', [id, rest, await consentsOf(bench, [b, d], rest, one => one === b)])
  expect(await bench.stakeOf(id, d.address)).toMatchObject({ amountAtomic: stake, isMember: true })
})

test('the owner names auditors, and can do nothing else', async () => {
  const { owner, stranger } = bench.accounts
  expect(await bench.refusal('setAuditor', [stranger.address, true])).toBe('OwnableUnauthorizedAccount')
  expect(await bench.refusal('setQuorum', [1])).toBe('OwnableUnauthorizedAccount')
  expect(await bench.refusal('setQuorum', [0], owner)).toBe('ConfigInvalid')
  expect(await bench.refusal('renounceOwnership', [], owner)).toBe('OwnerNeeded')
  const before = await bench.snapshot()
  for (let auditor = 0x100; auditor < 0x11d; auditor++) {
    await bench.send('setAuditor', [numberToHex(auditor, { size: 20 }), true], owner)
  }
  expect(await bench.refusal('setAuditor', [stranger.address, true], owner)).toBe('ConfigInvalid')
  await bench.revert(before)
  await bench.send('transferOwnership', [stranger.address], owner)
  expect(await bench.read('owner')).toBe(owner.address)
  await bench.send('acceptOwnership', [])
  expect(await bench.read('owner')).toBe(stranger.address)
  await bench.send('transferOwnership', [owner.address])
  await bench.send('acceptOwnership', [], owner)
})
