import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileContracts } from '@computepool/contracts/build'
import { zeroGGalileo } from '@computepool/contracts/chain'
import {
  clientsFor,
  type DifficultEndpointOptions,
  openDifficultEndpoint,
  type SpawnedAnvil,
  spawnAnvil,
  testAccount,
} from '@computepool/contracts/testing'
import { keccak256, parseEther, stringToHex } from 'viem'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type DeployChainOptions, deployChain, describeDeployed } from './deploy-chain.ts'

const keyOf = (name: string) => keccak256(stringToHex(`computepool test key: ${name}`))
const environment = {
  COMPUTEPOOL_OWNER_KEY: keyOf('owner'),
  COMPUTEPOOL_SETTLER_KEY: keyOf('settler'),
  COMPUTEPOOL_KEEPER_KEY: keyOf('keeper'),
}
let dataDir: string
let galileo: SpawnedAnvil
const closing: (() => Promise<void>)[] = []
// A vault's source that changed is compiled once, which on a busy machine takes longer than a test may.
beforeAll(() => compileContracts().then(() => {}), 300_000)
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'deploy-'))
  galileo = await spawnAnvil({ chainId: 16602 })
  closing.push(() => galileo.close())
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await rm(dataDir, { recursive: true, force: true })
})

async function deploy(given: Partial<DeployChainOptions> & { endpoint?: Partial<DifficultEndpointOptions> } = {}) {
  const { endpoint: manners, ...options } = given
  const endpoint = await openDifficultEndpoint({ url: galileo.url, tipFloorWei: 2_000_000_000n, ...manners })
  closing.push(() => endpoint.close())
  return deployChain({
    chain: '0g-galileo',
    rpcUrl: endpoint.url,
    dataDir,
    environment,
    isDryRun: false,
    isTriedOut: false,
    pricePerSecondAtomic: 1000n,
    reserveAtomic: 0n,
    onProgress: () => {},
    ...options,
  })
}

const owner = testAccount('owner').address
const clients = () => clientsFor(zeroGGalileo, galileo.url)
const fund = (value: bigint) => clients().testClient.setBalance({ address: owner, value })

it('says beforehand what it will cost, and is not far off', async () => {
  await fund(parseEther('1'))
  const oracle = `${testAccount('oracle').address},0x${'1'.repeat(64)},https://pool.example/v1/attestation`
  const everything = {
    ...{ model: 'me/tiny', reserveAtomic: 1_000_000n, auditors: testAccount('auditor 0').address },
    inft: { oracles: [oracle], takesSimulated: false },
  }
  const { estimate, ...dry } = await deploy({ isDryRun: true, ...everything })
  // Framework 17; vault and its reserve 4; registry and auditor 2; token and oracle 2.
  expect({ transactions: dry.transactions, estimated: estimate?.transactions }).toEqual({
    transactions: 0,
    estimated: 25,
  })
  const told = describeDeployed({ estimate, ...dry })
  expect(told).toMatch(/^0G Galileo testnet \(16602\): about 25 transactions, \d\d\.\d M gas/m)
  expect(told).toMatch(/^ {2}to send {2}vault of me\/tiny: \d\.\d M gas$/m)

  const { transactions, gasUsed } = await deploy(everything)
  // The reserve's three are not counted among what was deployed.
  expect(transactions).toBe(22)
  // The estimate carries the headroom of 1.3 that is sent along and comes back.
  expect(Number(estimate!.gas) / Number(gasUsed)).toBeGreaterThan(1.2)
  expect(Number(estimate!.gas) / Number(gasUsed)).toBeLessThan(1.35)
  const spent = parseEther('1') - (await clients().publicClient.getBalance({ address: owner }))
  expect(spent).toBeLessThanOrEqual(estimate!.costWei)
  const after = await deploy({ isDryRun: true, ...everything })
  expect(describeDeployed(after)).toContain('nothing would be sent')
})

it('deploys, tries out and finds again, with a vault, through an endpoint that wants tips', async () => {
  await fund(parseEther('10'))
  const first = await deploy({ model: 'me/tiny', reserveAtomic: 1_000_000n, isTriedOut: true })
  expect(first.streamedWei! % 10n ** 15n).toBe(0n)
  expect(first.streamedWei).toBeGreaterThan(0n)
  // An explorer that is not there costs the deployment nothing, and is told of.
  const nowhere = { explorerUrl: 'http://127.0.0.1:1/open/api', apiKey: undefined }
  const again = await deploy({ model: 'me/tiny', reserveAtomic: 1_000_000n, sources: nowhere })
  expect(again.sources?.map(({ contract, state }) => `${contract} ${state}`)).toEqual([
    ...['DeployFactory failed', 'TestUsdc failed', 'StreamVault failed'],
  ])
  expect(describeDeployed(again)).toMatch(/source of StreamVault \(0x\w{40}\): failed: The explorer at 127\.0\.0\.1:1/)
  expect({ transactions: again.transactions, manifest: again.manifest }).toEqual({
    transactions: 0,
    manifest: first.manifest,
  })
  expect(describeDeployed(again)).toContain(`vault of me/tiny: ${first.manifest!.vaults[0]!.address}`)
})

it('puts the registry of coalitions there where it is told auditors, and says where there is none', async () => {
  await fund(parseEther('10'))
  const auditors = [0, 1, 2].map(at => testAccount(`auditor ${at}`).address).join(', ')
  const without = await deploy()
  expect(describeDeployed(without)).toContain('coalitions: none, pools are unstaked')
  const made = await deploy({ auditors })
  // The registry and three auditors.
  expect(made.transactions).toBe(4)
  expect(made.manifest?.coalition).toMatchObject({ quorum: 2, treasury: owner })
  expect(describeDeployed(made)).toContain(`coalitions: ${made.manifest!.coalition!.address}`)
  expect((await deploy({ auditors })).transactions).toBe(0)
  expect((await deploy({ auditors, quorum: 3 })).manifest?.coalition?.quorum).toBe(3)
})

it('explains what to do where unprotected transactions are refused', async () => {
  await fund(parseEther('10'))
  await expect(deploy({ endpoint: { refusesUnprotected: true } })).rejects.toMatchObject({
    code: 'chain_deploy_refused',
    message: expect.stringContaining('ERC-1820'),
    remedy: expect.stringContaining('allow-unprotected-txs'),
  })
  // Through another endpoint the same command goes on; the coins for the registry are there already.
  expect((await deploy()).transactions).toBe(16)
})

it.each([
  ['too few coins', {}, 'chain_underfunded', 'native coins'],
  ['no key', { environment: {} }, 'input_invalid', 'COMPUTEPOOL_OWNER_KEY'],
  ['half a key', { environment: { COMPUTEPOOL_OWNER_KEY: '0x12' } }, 'input_invalid', 'COMPUTEPOOL_OWNER_KEY'],
  ['an unknown chain', { chain: 'mainnet' }, 'input_invalid', '"mainnet"'],
  ['no endpoint', { chain: 'http://127.0.0.1:1/secret' }, 'chain_unreachable', '127.0.0.1:1'],
  ['a USDC that is no address', { usdc: '0x12' }, 'input_invalid', '--usdc'],
  [
    'an auditor that is no address',
    { auditors: `${testAccount('auditor 0').address},0x12` },
    'input_invalid',
    '--auditors',
  ],
  ['an explorer that is no address', { sources: { explorerUrl: 'x', apiKey: undefined } }, 'input_invalid', 'explorer'],
  ['a quorum of nobody', { quorum: 2 }, 'input_invalid', '--quorum'],
])('refuses %s', async (_what, options, code, words) => {
  const refused = deploy(options)
  await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringMatching(/secret|0x12[^"]/) })
})

it('names no test money on 0G’s main network, and an oracle without a measurement nowhere', async () => {
  const mainnet = await spawnAnvil({ chainId: 16661 })
  closing.push(() => mainnet.close())
  const endpoint = { url: mainnet.url, tipFloorWei: 2_000_000_000n }
  const main = { chain: '0g-mainnet', endpoint, isDryRun: true }
  await expect(deploy(main)).rejects.toMatchObject({
    code: 'input_invalid',
    message: expect.stringContaining('no test money'),
    remedy: expect.stringContaining('--usdc'),
  })
  const { estimate } = await deploy({ ...main, usdc: testAccount('a USDC').address })
  // All but the test USDC.
  expect(estimate?.transactions).toBe(16)
  const oracle = `${testAccount('oracle').address},0x${'0'.repeat(64)}`
  await expect(deploy({ inft: { oracles: [oracle], takesSimulated: false } })).rejects.toMatchObject({
    code: 'input_invalid',
    message: expect.stringContaining('--oracle'),
  })
})

it('refuses an endpoint of another chain', async () => {
  const other = await spawnAnvil({ chainId: 1234 })
  closing.push(() => other.close())
  await expect(deploy({ rpcUrl: other.url })).rejects.toMatchObject({
    code: 'chain_wrong',
    message: 'The endpoint is chain 1234’s; 0g-galileo is 16602.'.replace('’', "'"),
  })
})
