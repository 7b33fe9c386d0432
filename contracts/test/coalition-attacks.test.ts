import { type Abi, type Hex, parseAbi } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { usdcAbi } from '../abi/index.ts'
import type { SignedTerms } from '../testing/coalition-signing.ts'
import { auditors, type CoalitionBench, config, noHash, openCoalitionBench } from './coalition-bench.ts'
import {
  accuse,
  against,
  ann,
  ballot,
  ben,
  cay,
  creditsOf,
  dot,
  evidenceHash,
  expectEmptied,
  found,
  half,
  harmed,
  passResponse,
  watcher,
} from './coalition-scenes.ts'
import { compileTimeoutMs, roles } from './vault-bench.ts'

vi.setConfig({ testTimeout: compileTimeoutMs })

let bench: CoalitionBench
beforeAll(async () => {
  bench = await openCoalitionBench()
}, compileTimeoutMs)
afterAll(() => bench?.close())

const { responseSeconds, voteSeconds, bondAtomic } = config

/** Runs a test and takes the chain back to before it. */
const apart = (name: string, body: () => Promise<void>): void => test(name, () => bench.apart(body))

apart('hashes terms, and the nonces of stake and bond, as any wallet does', async () => {
  const terms = bench.terms([ann, ben], { version: 3, id: 7n })
  const hash = bench.signer.termsHash(terms)
  expect(await bench.read('termsHash', [terms])).toBe(hash)
  expect(await bench.read('stakeNonce', [hash, ann.address])).toBe(bench.signer.stakeNonce(terms, ann.address))
  const what = against(7n, ann, { reason: 2, session: hash })
  const args = [what.id, what.accused, what.reason, what.session, what.evidenceHash]
  expect(await bench.read('bondNonce', args)).toBe(bench.signer.bondNonce(what))
})

apart('no coalition without a stake, neither at first nor by a re-split', async () => {
  const free = bench.terms([ann, ben], { stakeAtomic: 0n })
  const consents = await Promise.all([ann, ben].map(one => bench.signer.consent(one, free)))
  expect(await bench.attempt('propose', [free, consents])).toBe('StakeZero')
  expect(await bench.attempt('propose', [free, []])).toBe('StakeZero')

  const { id, terms } = await found(bench, [ann, ben])
  const without = { ...terms, id, version: 1, stakeAtomic: 0n }
  const words = await Promise.all([ann, ben].map(one => bench.signer.consent(one, without, true)))
  expect(await bench.attempt('resplit', [id, without, words])).toBe('StakeZero')
})

apart('a signature without its stake makes nobody a party', async () => {
  const terms = bench.terms([ann, ben])
  await bench.send('propose', [terms, [await bench.signer.consent(ann, terms)]])
  const words = await bench.signer.consent(ben, terms, true)
  expect(await bench.attempt('consent', [1n, terms, [words]])).toBe('InvalidSignature')
  expect(await bench.attempt('activate', [1n])).toBe('ConsentMissing')
  // A stake that lies in another coalition is no stake in this one.
  await found(bench, [ben, cay])
  expect(await bench.attempt('consent', [1n, terms, [words]])).toBe('InvalidSignature')
  // Nor does a newcomer of a re-split stay where it never was.
  const active = await found(bench, [cay, dot])
  const next = bench.terms([cay, dot, ann], { ...active.terms, id: active.id, version: 1 })
  const three = { ...next, parties: bench.terms([cay, dot, ann]).parties }
  const all = await Promise.all([cay, dot, ann].map(one => bench.signer.consent(one, three, true)))
  expect(await bench.attempt('resplit', [active.id, three, all])).toBe('InvalidSignature')
})

apart('each party’s word counts once, however often it is said', async () => {
  const terms = bench.terms([ann, ben])
  const [a, b] = await Promise.all([ann, ben].map(one => bench.signer.consent(one, terms)))
  const before = await bench.usdcOf(ann.address)
  await bench.send('propose', [terms, [a, a]])
  expect(await bench.attempt('activate', [1n])).toBe('ConsentMissing')
  await bench.send('consent', [1n, terms, [a]])
  expect(before - (await bench.usdcOf(ann.address))).toBe(terms.stakeAtomic)
  await bench.send('consent', [1n, terms, [b]])
  expect(await bench.read('heldAtomic')).toBe(2n * terms.stakeAtomic)
})

apart('terms that were signed for another id, version, chain or contract bind nobody', async () => {
  const { id, terms } = await found(bench, [ann, ben])
  const other = await found(bench, [ann, ben], { salt: evidenceHash })
  const next = { ...terms, id, version: 1 }
  const signedAs = async (change: Partial<SignedTerms>, place: Parameters<typeof bench.signerAt>[0] = {}) => {
    const signer = bench.signerAt(place)
    return Promise.all([ann, ben].map(one => signer.consent(one, { ...next, ...change }, true)))
  }
  const wrong: Record<string, Awaited<ReturnType<typeof signedAs>>> = {
    'another id': await signedAs({ id: other.id }),
    'the proposal': await signedAs({ id: 0n, version: 0 }),
    'another version': await signedAs({ version: 2 }),
    'another chain': await signedAs({}, { chainId: 1 }),
    'another contract': await signedAs({}, { coalition: roles.stranger }),
    'other layers': await signedAs({ parties: next.parties.map(one => ({ ...one, units: one.units + 1 })) }),
  }
  for (const [name, consents] of Object.entries(wrong)) {
    expect([name, await bench.attempt('resplit', [id, next, consents])]).toEqual([name, 'SignatureInvalid'])
  }
  // The right words, at the wrong place or time.
  const right = await signedAs({})
  expect(await bench.attempt('resplit', [other.id, next, right])).toBe('TermsInvalid')
  expect(await bench.attempt('propose', [next, right])).toBe('TermsInvalid')
  await bench.send('resplit', [id, next, right])
  expect(await bench.attempt('resplit', [id, next, right])).toBe('TermsVersionWrong')
  const ahead = { ...terms, id, version: 3 }
  const words = await Promise.all([ann, ben].map(one => bench.signer.consent(one, ahead, true)))
  expect(await bench.attempt('resplit', [id, ahead, words])).toBe('TermsVersionWrong')
})

apart('a stake that was authorized for other terms, or by somebody else, is not taken', async () => {
  const terms = bench.terms([ann, ben])
  const dearer = bench.terms([ann, ben], { salt: evidenceHash, stakeAtomic: terms.stakeAtomic * 2n })
  const good = await bench.signer.consent(ann, terms)
  const before = await bench.usdcOf(ann.address)
  const nonceOf = (of: SignedTerms, who: PrivateKeyAccount): Hex => bench.signer.stakeNonce(of, who.address)
  const elsewhere = bench.signerAt({ coalition: roles.stranger })
  const stakes: Record<string, Hex> = {
    'of other terms': (await bench.signer.consent(ann, dearer)).stakeSignature,
    'of another amount': await bench.signer.authorize(ann, terms.stakeAtomic + 1n, nonceOf(terms, ann)),
    'to somebody else': await elsewhere.authorize(ann, terms.stakeAtomic, nonceOf(terms, ann)),
    'of another party': await bench.signer.authorize(ben, terms.stakeAtomic, nonceOf(terms, ben)),
    'with a nonce of another party': await bench.signer.authorize(ann, terms.stakeAtomic, nonceOf(terms, ben)),
    none: '0x',
  }
  await bench.send('propose', [terms, []])
  for (const [name, stakeSignature] of Object.entries(stakes)) {
    const outcome = await bench.attempt('consent', [1n, terms, [{ ...good, stakeSignature }]])
    expect([name, outcome]).toEqual([name, 'InvalidSignature'])
  }
  expect(await bench.attempt('consent', [1n, dearer, [await bench.signer.consent(ann, dearer)]])).toBe('TermsInvalid')
  expect(await bench.usdcOf(ann.address)).toBe(before)
  await bench.send('consent', [1n, terms, [good]])
  expect(before - (await bench.usdcOf(ann.address))).toBe(terms.stakeAtomic)
})

// ── slash by watching ────────────────────────────────────────────────────────────────────────────────────────────────

apart('who only watches accuses nobody: a bond is its own signer’s, and for one accusation', async () => {
  const { id, terms } = await found(bench, [ann, ben, cay])
  const what = against(id, ann)
  const args = await bench.accusation(watcher, what)
  const [, , , , , uri, bond, amount] = args
  const sent = (change: Partial<typeof what>, bondChange: Partial<typeof bond> = {}, bonded = amount) => {
    const { accused, reason, session, evidenceHash: evidence, id: of } = { ...what, ...change }
    return bench.attempt('accuse', [of, accused, reason, session, evidence, uri, { ...bond, ...bondChange }, bonded])
  }
  expect(await sent({}, {}, 0n)).toBe('BondTooSmall')
  expect(await sent({}, {}, bondAtomic - 1n)).toBe('BondTooSmall')
  const other = await found(bench, [ann, dot], { salt: evidenceHash })
  const refused: Record<string, string> = {
    'no signature': await sent({}, { stakeSignature: '0x' }),
    'another’s name': await sent({}, { operator: harmed.address }),
    'another accused': await sent({ accused: ben.address }),
    'another coalition': await sent({ id: other.id }),
    'another reason': await sent({ reason: half }),
    'another session': await sent({ session: evidenceHash }),
    'other evidence': await sent({ evidenceHash: noHash }),
    'another amount': await sent({}, {}, bondAtomic + 1n),
    'a stake as a bond': await sent(
      {},
      { operator: ben.address, stakeSignature: (await bench.signer.consent(ben, terms)).stakeSignature },
    ),
  }
  for (const [name, outcome] of Object.entries(refused)) {
    expect([name, outcome]).toEqual([name, expect.stringMatching(/^(InvalidSignature|AuthorizationAlreadyUsed)$/)])
  }
  expect(await bench.read('disputeCount')).toBe(0n)
  expect(await bench.attempt('accuse', await bench.accusation(watcher, against(id, dot)))).toBe('NotMember')
  expect(await bench.attempt('accuse', await bench.accusation(ann, what))).toBe('SelfAccusation')

  // A front-runner relays it: the bond, what it earns, and the blame for it, stay the signer's.
  await bench.send('accuse', args, roles.settler)
  expect((await bench.disputeOf(1n)).accuser).toBe(watcher.address)
  expect(await bench.attempt('accuse', args)).toBe('AuthorizationAlreadyUsed')
})

apart('who only watches gives no verdict: votes are auditors’, for one dispute, one way, once', async () => {
  const { id } = await found(bench, [ann, ben, cay])
  const dispute = await accuse(bench, watcher, against(id, ann))
  const next = await accuse(bench, watcher, against(id, ben))
  const [first, second] = auditors as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
  const good = await ballot(bench, first, dispute, true)
  expect(await bench.attempt('vote', good)).toBe('TooEarly')
  expect(await bench.attempt('settle', [dispute])).toBe('DisputeOpen')
  expect(await bench.attempt('close', [dispute])).toBe('TooEarly')
  await passResponse(bench, next)

  const [, , , signature] = good
  const votes: Record<string, readonly [readonly unknown[], string]> = {
    'a stranger’s': [await ballot(bench, watcher, dispute, true), 'NotAuditor'],
    'signed by another': [[dispute, true, second.address, signature], 'SignatureInvalid'],
    'turned round': [[dispute, false, first.address, signature], 'SignatureInvalid'],
    'in another dispute': [[next, true, first.address, signature], 'SignatureInvalid'],
    'on other evidence': [await ballot(bench, first, dispute, true, noHash), 'SignatureInvalid'],
    unsigned: [[dispute, true, first.address, '0x'], 'SignatureInvalid'],
    'in no dispute': [await ballot(bench, first, 99n, true), 'DisputeUnknown'],
  }
  for (const [name, [args, reason]] of Object.entries(votes)) {
    expect([name, await bench.attempt('vote', args)]).toEqual([name, reason])
  }
  await bench.send('vote', good)
  expect(await bench.attempt('vote', good)).toBe('AlreadyVoted')
  expect(await bench.attempt('vote', await ballot(bench, first, dispute, false))).toBe('AlreadyVoted')
  expect(await bench.attempt('settle', [dispute])).toBe('DisputeOpen')
  expect((await bench.disputeOf(dispute)).guiltyVotes).toBe(1)
  expect(await bench.attempt('setAuditor', [watcher.address, true])).toBe('OwnableUnauthorizedAccount')
  expect(await bench.attempt('setQuorum', [1])).toBe('OwnableUnauthorizedAccount')

  // One auditor is no quorum: in the end nobody is slashed, and the bond goes back.
  await bench.wait(voteSeconds + responseSeconds)
  expect(await bench.attempt('vote', await ballot(bench, second, dispute, true))).toBe('TooLate')
  await bench.send('close', [dispute])
  await bench.send('settle', [dispute])
  expect(await creditsOf(bench, [watcher, ann])).toEqual([bondAtomic, 0n])
})

apart('nobody judges a case of its own', async () => {
  const { id } = await found(bench, [ann, ben, cay])
  for (const { address } of [ann, watcher]) await bench.send('setAuditor', [address, true], roles.owner)
  const dispute = await accuse(bench, watcher, against(id, ann))
  await passResponse(bench, dispute)
  for (const one of [ann, watcher]) {
    expect(await bench.attempt('vote', await ballot(bench, one, dispute, true))).toBe('AuditorInvolved')
  }
})

apart('an answer is the accused’s own, and in time', async () => {
  const { id } = await found(bench, [ann, ben])
  const dispute = await accuse(bench, watcher, against(id, ann))
  const answer = async (by: PrivateKeyAccount, of = dispute, hash = evidenceHash) =>
    [dispute, evidenceHash, 'https://answer.test/1', await bench.signer.respond(by, of, hash)] as const
  expect(await bench.attempt('respond', await answer(watcher))).toBe('SignatureInvalid')
  expect(await bench.attempt('respond', await answer(ann, dispute + 1n))).toBe('SignatureInvalid')
  expect(await bench.attempt('respond', await answer(ann, dispute, noHash))).toBe('SignatureInvalid')
  await bench.send('respond', await answer(ann))
  expect(await bench.attempt('respond', await answer(ann))).toBe('TooLate')
  // The vote begins, and is not over sooner than had there been no answer.
  await bench.send('vote', await ballot(bench, auditors[0]!, dispute, false))
  await bench.wait(voteSeconds - 5)
  await bench.send('vote', await ballot(bench, auditors[1]!, dispute, false))
})

apart('an authorization that a watcher brings to the token first takes nobody’s money', async () => {
  const terms = bench.terms([ann, ben])
  const words = await bench.signer.consent(ann, terms)
  const before = await bench.usdcOf(ann.address)
  const nonce = bench.signer.stakeNonce(terms, ann.address)
  const transfer = [ann.address, bench.coalition, terms.stakeAtomic, words.validAfter, words.validBefore, nonce]
  const abi = [
    ...usdcAbi,
    ...parseAbi([
      'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
      'function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
    ]),
  ]
  for (const functionName of ['transferWithAuthorization', 'receiveWithAuthorization']) {
    const args = [...transfer, words.stakeSignature]
    await bench.call(roles.stranger, bench.addresses.usdc, abi as Abi, functionName, args)
  }
  await bench.send('propose', [terms, [words, await bench.signer.consent(ben, terms)]])
  await bench.send('activate', [1n])
  await expectEmptied(bench)
  expect(await bench.usdcOf(ann.address)).toBe(before)
})
