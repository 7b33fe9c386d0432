import { coalitionAbi } from '@computepool/contracts/abi'
import { artifactOf, compileContracts } from '@computepool/contracts/build'
import { type CoalitionManifest, deployCoalition, embeddedRules } from '@computepool/contracts/deploy'
import { openTestChain, type TestChain, testAccount } from '@computepool/contracts/testing'
import { type CoalitionTerms, noSession, type StakeToken, termsOfAssignment } from '@computepool/shared/coalition'
import { encodeFunctionData, type Hex, keccak256, type PublicClient, stringToHex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readContractCall } from '../keeper/contract-call.ts'
import { type CoalitionReader, createCoalitionReader } from './coalition-reader.ts'
import { termsHashOf } from './hash-terms.ts'
import { type CoalitionCall, type CoalitionRelay, relayTo } from './relay-coalition.ts'
import { signAccusation, signConsent, signLeave, signResponse, signVote } from './sign-terms.ts'
import { isSigned, verifyAccusation, verifyConsent, verifyLeave, verifyResponse, verifyVote } from './verify-words.ts'

const auditors = [0, 1, 2].map(at => testAccount(`auditor ${at}`))
const hash = (text: string): Hex => keccak256(stringToHex(text))
const lower = (address: string): Hex => address.toLowerCase() as Hex

let chain: TestChain
let registry: CoalitionManifest
let reader: CoalitionReader
let relay: CoalitionRelay
let place: { chainId: number; coalition: Hex }
let token: StakeToken
let salts = 0
beforeAll(async () => {
  await compileContracts()
  chain = await openTestChain()
  const made = await deployCoalition({
    deployer: chain.deployer,
    manifest: chain.manifest,
    auditors: auditors.map(({ address }) => address),
    quorum: 2,
    rules: embeddedRules,
  })
  registry = made.coalition
  reader = createCoalitionReader(chain.publicClient as PublicClient, registry.address, BigInt(registry.block))
  relay = relayTo(registry.address)
  place = { chainId: chain.chain.id, coalition: lower(registry.address) }
  const { name, version } = chain.manifest.usdc
  token = { address: lower(chain.manifest.contracts.usdc), name, version }
  for (const { address } of chain.accounts.operators) await chain.mintUsdc(address, 100_000_000n)
}, 300_000)
afterAll(() => chain?.close())
let times: { validAfter: bigint; validBefore: bigint }
beforeEach(async () => {
  times = { validAfter: 0n, validBefore: (await chain.now()) + 3_600n }
})

const operator = (at: number) => chain.accounts.operators[at]!
const context = () => ({ client: chain.publicClient as PublicClient, place, token })

async function termsOf(of: readonly number[], current?: { id: bigint; version: number }): Promise<CoalitionTerms> {
  const now = await chain.now()
  const made = termsOfAssignment({
    modelDigest: hash('model'),
    layers: 12,
    pool: lower(testAccount('pool').address),
    vault: lower(testAccount('vault').address),
    pricePerSecondAtomic: 1_000n,
    stakeAtomic: 5_000_000n,
    proposalEndsAt: now + 600n,
    endsAt: now + 86_400n,
    salt: hash(`salt ${++salts}`),
    seats: of.map((at, seat) => ({
      operator: operator(at).address,
      layers: { start: (12 / of.length) * seat, end: (12 / of.length) * (seat + 1) },
      msPerLayer: 2,
    })),
    current,
  })
  if (made.kind !== 'terms') throw new Error(made.fault.text)
  return made.terms
}
const consentOf = (at: number, terms: CoalitionTerms, hasStake = false) =>
  signConsent({ signer: operator(at), place, token }, terms, hasStake ? null : times)

async function send({ to, data }: CoalitionCall): Promise<void> {
  const hash_ = await chain.wallet(chain.accounts.stranger).sendTransaction({ to, data, gas: 5_000_000n })
  const { status } = await chain.publicClient.waitForTransactionReceipt({ hash: hash_ })
  if (status !== 'success') throw new Error(`${data.slice(0, 10)} was refused.`)
}

async function active(of: readonly number[]): Promise<{ id: bigint; terms: CoalitionTerms }> {
  const terms = await termsOf(of)
  await send(relay.propose(terms, await Promise.all(of.map(at => consentOf(at, terms)))))
  const { coalitions: id } = await reader.totals()
  await send(relay.activate(id))
  return { id, terms }
}

async function accused(id: bigint, at: number, by = chain.accounts.payers[0]!) {
  const evidenceHash = hash(`evidence ${++salts}`)
  const accusation = await signAccusation(
    { signer: by, place, token },
    {
      id,
      accused: lower(operator(at).address),
      reason: 'wrong-output',
      session: noSession,
      evidenceHash,
      evidenceUri: 'https://pool.example/evidence',
      bondAtomic: 1_000_000n,
      ...times,
    },
  )
  return { accusation, evidenceHash }
}

it('reads a coalition through its life, and its events without gap or repetition', async () => {
  const before = await reader.eventsSince()
  const terms = await termsOf([0, 1])
  const [first, second] = [await consentOf(0, terms), await consentOf(1, terms)]
  await send(relay.propose(terms, [first]))
  const { coalitions: id } = await reader.totals()
  expect(await reader.coalitionOf(id)).toEqual({
    id,
    state: 'proposed',
    version: 0,
    termsHash: termsHashOf(place, terms),
    endsAt: terms.endsAt,
    parties: terms.parties,
  })
  await send(relay.consent(id, terms, [second]))
  await send(relay.activate(id))
  expect(await reader.stakesOf(id, [operator(0).address, operator(2).address])).toMatchObject([
    { operator: lower(operator(0).address), amountAtomic: 5_000_000n, isMember: true, releasableAt: 0n },
    { operator: lower(operator(2).address), amountAtomic: 0n, isMember: false },
  ])
  const half = await reader.eventsSince(before.nextBlock)
  expect(half.events.map(({ eventName }) => eventName)).toEqual(['Proposed', 'Consented', 'Consented', 'Activated'])

  const next = await termsOf([0, 1, 2], { id, version: 0 })
  const consents = [await consentOf(0, next, true), await consentOf(1, next, true), await consentOf(2, next)]
  await send(relay.resplit(id, next, consents))
  expect(await reader.coalitionOf(id)).toMatchObject({ state: 'active', version: 1, parties: next.parties })
  await send(relay.leave(await signLeave({ signer: operator(2), place }, { id, version: 1 })))
  const rest = await reader.eventsSince(half.nextBlock)
  expect(rest.events.map(({ eventName }) => eventName)).toEqual([
    'Resplit',
    'Consented',
    'Consented',
    'Consented',
    'Left',
  ])
  expect(rest.events[4]?.args).toMatchObject({ id, operator: operator(2).address })
  expect((await reader.eventsSince(rest.nextBlock)).events).toEqual([])

  await chain.passSeconds(embeddedRules.unbondingSeconds + 1)
  const held = await chain.usdcOf(operator(2).address)
  await send(relay.release(id, operator(2).address))
  expect(await reader.creditOf(operator(2).address)).toBe(5_000_000n)
  await send(relay.withdraw(operator(2).address))
  expect((await chain.usdcOf(operator(2).address)) - held).toBe(5_000_000n)
  expect((await reader.totals()).heldAtomic).toBe(await chain.usdcOf(registry.address))
})

it('carries a dispute from the accusation to the payment', async () => {
  const { id } = await active([0, 1])
  const { accusation, evidenceHash } = await accused(id, 1)
  await send(relay.accuse(accusation))
  const { disputes: dispute } = await reader.totals()
  expect(await reader.disputeOf(dispute)).toMatchObject({
    id: dispute,
    coalition: id,
    version: 0,
    quorum: 2,
    accused: lower(operator(1).address),
    accuser: lower(chain.accounts.payers[0]!.address),
    reason: 'wrong-output',
    evidenceHash,
    bondAtomic: 1_000_000n,
    verdict: 'open',
    isSettled: false,
  })
  expect((await reader.stakeOf(id, operator(1).address)).openDisputes).toBe(1)
  const response = { dispute, responseHash: hash('no'), responseUri: 'https://pool.example/no' }
  const responded = await signResponse({ signer: operator(1), place }, response)
  expect(await verifyResponse(context(), responded, operator(1).address)).toBe(true)
  expect(await verifyResponse(context(), responded, operator(0).address)).toBe(false)
  await send(relay.respond(responded))
  await chain.passSeconds(1)
  for (const signer of auditors.slice(0, 2)) {
    const vote = await signVote({ signer, place }, { dispute, isGuilty: true, evidenceHash })
    expect(await verifyVote(context(), vote, evidenceHash)).toBe(true)
    expect(await verifyVote(context(), { ...vote, isGuilty: false }, evidenceHash)).toBe(false)
    await send(relay.vote(vote))
  }
  await send(relay.settle(dispute))
  expect(await reader.disputeOf(dispute)).toMatchObject({ verdict: 'guilty', guiltyVotes: 2, isSettled: true })
  // All of the stake: half a dollar of it is the accuser's cost, beside its bond; the honest party gets the rest.
  expect(await reader.stakeOf(id, operator(1).address)).toMatchObject({ amountAtomic: 0n, isMember: false })
  expect(await reader.creditOf(chain.accounts.payers[0]!.address)).toBe(1_500_000n)
  expect(await reader.creditOf(operator(0).address)).toBe(4_500_000n)
  const again = await termsOf([0, 1], { id, version: 0 })
  const stake = await reader.stakeOf(id, operator(1).address)
  expect(await verifyConsent(context(), { terms: again, consent: await consentOf(1, again), stake })).toBe(
    'party-guilty',
  )
})

it('gives the bond back where no quorum was found in time', async () => {
  const { id } = await active([0, 1])
  const payer = chain.accounts.payers[1]!
  const { accusation } = await accused(id, 0, payer)
  await send(relay.accuse(accusation))
  const { disputes: dispute } = await reader.totals()
  await chain.passSeconds(embeddedRules.responseSeconds + embeddedRules.voteSeconds + 1)
  await send(relay.close(dispute))
  await send(relay.settle(dispute))
  expect(await reader.disputeOf(dispute)).toMatchObject({ verdict: 'undecided', isSettled: true })
  expect(await reader.creditOf(payer.address)).toBe(1_000_000n)
  expect(await reader.stakeOf(id, operator(0).address)).toMatchObject({ amountAtomic: 5_000_000n, isMember: true })
  await send(relay.withdraw(payer.address))
})

it('ends a proposal that not all have signed in time', async () => {
  const terms = await termsOf([0, 1])
  await send(relay.propose(terms, [await consentOf(0, terms)]))
  const { coalitions: id } = await reader.totals()
  await chain.passSeconds(601)
  await send(relay.end(id))
  await send(relay.release(id, operator(0).address))
  expect(await reader.coalitionOf(id)).toMatchObject({ state: 'ended' })
  expect(await reader.creditOf(operator(0).address)).toBeGreaterThanOrEqual(5_000_000n)
})

describe('a word before it is sent', () => {
  it('is good where the contract will take it', async () => {
    const terms = await termsOf([0, 1])
    const consent = await consentOf(0, terms)
    expect(await verifyConsent(context(), { terms, consent, stake: null })).toBeNull()
    const bare = await consentOf(0, terms, true)
    const stake = { amountAtomic: 5_000_000n, isGuilty: false }
    expect(await verifyConsent(context(), { terms, consent: bare, stake })).toBeNull()
    const { accusation } = await accused(1n, 1)
    expect(await verifyAccusation(context(), accusation)).toBeNull()
    const leave = await signLeave({ signer: operator(0), place }, { id: 1n, version: 0 })
    expect(await verifyLeave(context(), leave)).toBe(true)
    expect(await verifyLeave(context(), { ...leave, id: 2n })).toBe(false)
    expect(await verifyLeave(context(), { ...leave, version: 1 })).toBe(false)
  })

  it('is refused with the reason', async () => {
    const terms = await termsOf([0, 1])
    const consent = await consentOf(0, terms)
    const faultOf = (changes: object, of = terms) =>
      verifyConsent(context(), { terms: of, consent: { ...consent, ...changes }, stake: null })
    expect(await faultOf({ operator: lower(operator(3).address) })).toBe('not-party')
    expect(await faultOf({ operator: lower(operator(1).address) })).toBe('signature-wrong')
    expect(await faultOf({}, { ...terms, stakeAtomic: 1n })).toBe('signature-wrong')
    expect(await faultOf({ stakeSignature: '0x' })).toBe('stake-missing')
    expect(await faultOf({ validBefore: consent.validBefore + 1n })).toBe('transfer-signature-wrong')
    // The same signature in its other spelling, and one without the 27 that Solidity wants.
    const [r, s] = [consent.termsSignature.slice(2, 66), BigInt(`0x${consent.termsSignature.slice(66, 130)}`)]
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const flipped = consent.termsSignature.endsWith('1b') ? '1c' : '1b'
    const high = `0x${r}${(order - s).toString(16).padStart(64, '0')}${flipped}`
    expect(await faultOf({ termsSignature: high })).toBe('signature-wrong')
    const late = await signConsent({ signer: operator(0), place, token }, terms, { validAfter: 0n, validBefore: 1n })
    expect(await faultOf(late)).toBe('transfer-untimely')
    const poor = chain.accounts.stranger
    const parties = [{ ...terms.parties[0]!, operator: lower(poor.address) }, terms.parties[1]!]
    const poorTerms = { ...terms, parties }
    const unfunded = await signConsent({ signer: poor, place, token }, poorTerms, times)
    expect(await faultOf(unfunded, poorTerms)).toBe('transfer-unfunded')
    await send(relay.propose(terms, [consent]))
    expect(await faultOf({})).toBe('transfer-used')
  })
})

it('asks a wallet that is a contract, and takes its no as one', async () => {
  const { abi, bytecode } = await artifactOf('ContractWallet', ['test/hostile'])
  const made = await chain.wallet(chain.accounts.stranger).deployContract({ abi, bytecode })
  const wallet = (await chain.publicClient.waitForTransactionReceipt({ hash: made })).contractAddress!
  const client = chain.publicClient as PublicClient
  expect(await isSigned(client, wallet, hash('anything'), stringToHex('open sesame'))).toBe(true)
  expect(await isSigned(client, wallet, hash('anything'), stringToHex('open'))).toBe(false)
  // A contract that knows nothing of signatures reverts.
  expect(await isSigned(client, token.address, hash('anything'), stringToHex('open sesame'))).toBe(false)
})

it('gives a keeper the same arguments as the calldata', async () => {
  const terms = await termsOf([0, 1])
  const consent = await consentOf(0, terms)
  const { accusation } = await accused(1n, 1)
  const calls = [
    relay.propose(terms, [consent]),
    relay.consent(7n, terms, [consent]),
    relay.accuse(accusation),
    relay.settle(9n),
  ]
  for (const { to, data, functionName, args } of calls) {
    // As the runner reads a step of a workflow.
    const config = {
      contractAddress: to,
      abi: JSON.stringify(coalitionAbi),
      abiFunction: functionName,
      functionArgs: JSON.stringify(args),
    }
    const read = readContractCall(config)
    expect(encodeFunctionData({ abi: read.abi, functionName, args: read.args })).toBe(data)
  }
  expect(calls[3]!.args).toEqual(['9'])
})

it('knows nothing of coalitions that nobody made', async () => {
  expect(await reader.coalitionOf(999n)).toMatchObject({ state: 'none', parties: [] })
  expect(await reader.stakeOf(999n, operator(0).address)).toMatchObject({ amountAtomic: 0n, isMember: false })
})
