/**
 * The shared fixture on a chain: what TypeScript hashed and signed the contract hashes the same and takes, and what the contract tells
 * hashes and recovers in TypeScript. The fixture's contracts are the first two of a key that does nothing else.
 */
import { readFile } from 'node:fs/promises'
import {
  accusationSchema,
  coalitionTermsSchema,
  consentSchema,
  leaveSchema,
  reasonIndex,
  responseSchema,
  termsTypedData,
  voteSchema,
} from '@computepool/shared/coalition'
import {
  type Abi,
  type Hex,
  hashTypedData,
  type PrivateKeyAccount,
  parseAbi,
  parseEther,
  parseEventLogs,
  recoverAddress,
  recoverTypedDataAddress,
} from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { coalitionAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import { embeddedChain } from '../chain/known-chains.ts'
import { clientsFor, type SpawnedAnvil, spawnAnvil, type TestClients, testAccount } from '../testing/index.ts'

const hex = z.custom<Hex>(value => typeof value === 'string' && value.startsWith('0x'))
const consentWithNonce = consentSchema.extend({ stakeNonce: hex })
const signedTerms = z.strictObject({
  terms: coalitionTermsSchema,
  termsHash: hex,
  consents: z.array(consentWithNonce),
})
const fixtureSchema = z.strictObject({
  about: z.string(),
  chainId: z.int(),
  nowSeconds: z.string().transform(BigInt),
  deployer: hex,
  coalition: hex,
  usdc: z.strictObject({ address: hex, name: z.string(), version: z.string() }),
  proposed: signedTerms,
  resplit: signedTerms,
  accusation: accusationSchema.extend({ bondNonce: hex }),
  response: responseSchema.extend({ digest: hex }),
  votes: z.array(voteSchema.extend({ digest: hex })),
  leave: leaveSchema.extend({ digest: hex }),
})
type Fixture = z.output<typeof fixtureSchema>

const usdcAbi = parseAbi(['function mint(address to, uint256 value)'])
const deployer = testAccount('coalition fixture deployer')
const named = (name: string, count: number) =>
  Array.from({ length: count }, (_, at) => testAccount(`coalition fixture ${name} ${at}`))
const operators = named('operator', 3)
const auditors = named('auditor', 3)
const accuser = testAccount('coalition fixture accuser')

let fixture: Fixture
let anvil: SpawnedAnvil
let clients: TestClients
beforeAll(async () => {
  const file = new URL('./coalition-terms.fixture.json', import.meta.url)
  fixture = fixtureSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  anvil = await spawnAnvil({ chainId: fixture.chainId })
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  await clients.testClient.setBalance({ address: deployer.address, value: parseEther('1000') })
  await clients.testClient.setNextBlockTimestamp({ timestamp: fixture.nowSeconds })
  await clients.testClient.mine({ blocks: 1 })
  const usdc = await deploy(await artifactOf('TestUsdc', ['src/chain']), [deployer.address])
  const coalition = await deploy(await artifactOf('Coalition'), [
    {
      usdc,
      owner: deployer.address,
      treasury: deployer.address,
      quorum: 2,
      bondAtomic: 1_000_000n,
      accuserCostAtomic: 500_000n,
      responseSeconds: 30,
      voteSeconds: 300,
      unbondingSeconds: 600,
      maxTermSeconds: 2_592_000,
      slashBps: [10_000, 5_000, 5_000, 10_000],
    },
  ])
  expect([usdc, coalition]).toEqual([fixture.usdc.address, fixture.coalition])
  for (const { address } of [...operators, accuser]) {
    await write(usdc, usdcAbi, 'mint', [address, 1_000_000_000n])
  }
  for (const { address } of auditors) await send('setAuditor', [address, true])
}, 300_000)
afterAll(() => anvil?.close())

async function deploy({ abi, bytecode }: { abi: Abi; bytecode: Hex }, args: readonly unknown[]): Promise<Hex> {
  const hash = await clients.wallet(deployer).deployContract({ abi, bytecode, args })
  return (await clients.publicClient.waitForTransactionReceipt({ hash })).contractAddress!.toLowerCase() as Hex
}

async function write(address: Hex, abi: Abi, functionName: string, args: readonly unknown[]) {
  const hash = await clients.wallet(deployer).writeContract({ address, abi, functionName, args })
  return clients.publicClient.waitForTransactionReceipt({ hash })
}
/** From a key that is no party: whoever relays has no say. */
const send = (functionName: string, args: readonly unknown[]) =>
  write(fixture.coalition, coalitionAbi as Abi, functionName, args)
const read = <T>(functionName: string, args: readonly unknown[]): Promise<T> =>
  clients.publicClient.readContract({
    address: fixture.coalition,
    abi: coalitionAbi as Abi,
    functionName,
    args,
  }) as Promise<T>
const refused = (functionName: string, args: readonly unknown[]) =>
  clients.publicClient
    .simulateContract({
      account: deployer,
      address: fixture.coalition,
      abi: coalitionAbi as Abi,
      functionName,
      args,
    })
    .then(
      () => 'taken',
      (thrown: { walk?: () => { data?: { errorName?: string } } }) =>
        /Error: (\w+)\(/.exec(String(thrown))?.[1] ?? String(thrown),
    )

it('hashes terms and nonces as TypeScript does', async () => {
  for (const { terms, termsHash, consents } of [fixture.proposed, fixture.resplit]) {
    expect(await read('termsHash', [terms])).toBe(termsHash)
    for (const { operator, stakeNonce } of consents) {
      expect(await read('stakeNonce', [termsHash, operator])).toBe(stakeNonce)
    }
  }
  const { id, accused, reason, session, evidenceHash, bondNonce } = fixture.accusation
  expect(await read('bondNonce', [id, accused, reasonIndex(reason), session, evidenceHash])).toBe(bondNonce)
})

it('tells hashes from which TypeScript finds who signed', async () => {
  const place = { chainId: fixture.chainId, coalition: fixture.coalition }
  for (const { terms, consents } of [fixture.proposed, fixture.resplit]) {
    const told = await read<Hex>('termsHash', [terms])
    expect(told).toBe(hashTypedData(termsTypedData(place, terms)))
    for (const { operator, termsSignature } of consents) {
      expect((await recoverAddress({ hash: told, signature: termsSignature })).toLowerCase()).toBe(operator)
      const typed = termsTypedData(place, terms)
      expect((await recoverTypedDataAddress({ ...typed, signature: termsSignature })).toLowerCase()).toBe(operator)
    }
  }
  for (const [{ digest, signature }, signer] of [
    [fixture.leave, operators[0]],
    [fixture.response, operators[1]],
    [fixture.votes[0]!, auditors[0]],
    [fixture.votes[1]!, auditors[1]],
  ] as [{ digest: Hex; signature: Hex }, PrivateKeyAccount][]) {
    expect(await recoverAddress({ hash: digest, signature })).toBe(signer.address)
  }
})

it('refuses what was signed for other terms, another operator or another dispute', async () => {
  const { terms, consents } = fixture.proposed
  const [first, second] = consents.map(({ stakeNonce: _, ...consent }) => consent) as [object, object]
  const dearer = { ...terms, pricePerSecondAtomic: terms.pricePerSecondAtomic + 1n }
  expect(await refused('propose', [dearer, [first, second]])).toBe('SignatureInvalid')
  const swapped = { ...second, operator: fixture.proposed.consents[0]!.operator }
  expect(await refused('propose', [terms, [swapped]])).toBe('SignatureInvalid')
  expect(await refused('propose', [terms, [first, second]])).toBe('taken')
})

it('takes every word of the fixture, relayed by a stranger, from the proposal to the verdict', async () => {
  const { proposed, resplit, accusation, response, votes, leave } = fixture
  const plain = (consents: Fixture['proposed']['consents']) => consents.map(({ stakeNonce: _, ...consent }) => consent)
  const mined = await send('propose', [proposed.terms, plain(proposed.consents.slice(0, 1))])
  const told = parseEventLogs({ abi: coalitionAbi, logs: mined.logs, eventName: 'Proposed' })
  expect(told[0]?.args).toMatchObject({ id: 1n, termsHash: proposed.termsHash })
  await send('consent', [1n, proposed.terms, plain(proposed.consents.slice(1))])
  await send('activate', [1n])
  await send('resplit', [1n, resplit.terms, plain(resplit.consents)])
  const [state, version, termsHash] = await read<[number, number, Hex]>('stateOf', [1n])
  expect([state, version, termsHash]).toEqual([2, 1, resplit.termsHash])
  const parties = await read<readonly { operator: Hex }[]>('partiesOf', [1n])
  const lower = parties.map(party => ({ ...party, operator: party.operator.toLowerCase() }))
  expect(lower).toEqual(resplit.terms.parties)

  const { id, accused, reason, session, evidenceHash, evidenceUri, bondAtomic, accuser: by } = accusation
  const { validAfter, validBefore, bondSignature } = accusation
  const bond = { operator: by, termsSignature: '0x', validAfter, validBefore, stakeSignature: bondSignature }
  await send('accuse', [id, accused, reasonIndex(reason), session, evidenceHash, evidenceUri, bond, bondAtomic])
  const { dispute, responseHash, responseUri, signature } = response
  await send('respond', [dispute, responseHash, responseUri, signature])
  await clients.testClient.increaseTime({ seconds: 1 })
  await clients.testClient.mine({ blocks: 1 })
  const [first, second] = votes as [(typeof votes)[0], (typeof votes)[0]]
  expect(await refused('vote', [1n, false, first.auditor, first.signature])).toBe('SignatureInvalid')
  for (const vote of [first, second]) await send('vote', [vote.dispute, vote.isGuilty, vote.auditor, vote.signature])
  await send('settle', [1n])
  expect(await read('stakeOf', [1n, accused])).toMatchObject({ isMember: false, amountAtomic: 2_500_000n })
  await send('leave', [leave.id, leave.operator, leave.signature])
  expect(await read('stakeOf', [1n, leave.operator])).toMatchObject({ isMember: false, amountAtomic: 5_000_000n })
})
