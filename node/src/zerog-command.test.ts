/** `computepool zerog` against a running pool and the mock contract on a real chain: what it says, sends, and refuses to send. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { addTestServing, clientsFor, type SpawnedAnvil, spawnAnvil, testAccount } from '@computepool/contracts/testing'
import { createSimulatedProvider } from '@computepool/orchestrator/attestation/simulated-provider.ts'
import { hostClock } from '@computepool/orchestrator/host.ts'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { openFeeBook } from '@computepool/orchestrator/zerog-compute/fee-book.ts'
import { openZerog } from '@computepool/orchestrator/zerog-compute/open-zerog.ts'
import { resolveDoubtMessage } from '@computepool/shared/zerog-compute'
import { formatEther, type Hex, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { writeRandomPack } from './pack/random-pack.ts'
import { neuronPerToken } from './zerog/register-pool.ts'
import { zerogCommand } from './zerog-command.ts'

const key: Hex = `0x${'7b'.repeat(32)}`
const provider = privateKeyToAccount(key)
const attestation = createSimulatedProvider(`0x${'5b'.repeat(32)}`)
const user = testAccount('0G command user')
const operator = testAccount('0G command operator').address.toLowerCase() as Hex
/** A pool that stood still for days could not see what became of its payouts: the first arrived, the second never did. */
const doubted: { nonce: number; hash: Hex; wallet: Hex }[] = []
const doubtedNeuron = parseEther('0.02')

let folder = ''
let anvil: SpawnedAnvil
let clients: ReturnType<typeof clientsFor>
let bench: Awaited<ReturnType<typeof addTestServing>>
let pool: RunningOrchestrator

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-zerog-command-'))
  const dimensions = { layers: 2, hidden: 64, heads: 2, kvHeads: 1, headDim: 32, intermediate: 64, vocab: 300 }
  await writeRandomPack({
    ...{ outDir: folder, architecture: 'qwen3', quantisation: 'f16', seed: 1, model: 'random' },
    dimensions: { ...dimensions, context: 64 },
  })
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  bench = await addTestServing(clients)
  await bench.fund(provider)
  const onFault = (fault: unknown): void => {
    throw fault
  }
  const name = `31337-${bench.serving}-${provider.address.toLowerCase()}.jsonl`
  const book = await openFeeBook({ file: join(folder, 'zerog', name), clock: hostClock, onFault })
  book.add(user.address, parseEther('0.5'), 'an earlier answer', [[operator, 1000]])
  for (const wallet of ['one', 'other'].map(name => testAccount(`0G doubted ${name}`).address.toLowerCase() as Hex)) {
    book.add(wallet, doubtedNeuron, 'paid for', [[wallet, 1000]])
    await book.write(wallet, 0n, 0n)
    await book.close(wallet, doubtedNeuron, { receivedNeuron: doubtedNeuron, gasNeuron: 0n, cutNeuron: 0n })
    await book.earnings.writePayout(wallet, doubtedNeuron)
    const nonce = await clients.publicClient.getTransactionCount({ address: provider.address })
    const isSent = doubted.length === 0
    const hash = await clients
      .wallet(provider)
      .sendTransaction({ to: isSent ? wallet : user.address, value: doubtedNeuron })
    doubted.push({ nonce, hash: isSent ? hash : `0x${'d0'.repeat(32)}`, wallet })
    await book.earnings.signed(wallet, { hash: doubted.at(-1)!.hash, nonce, raw: '0x02' })
    await book.earnings.doubt(wallet)
  }
  await book.end()
  const settings = { chain: anvil.url, serving: bench.serving, key, cutBasisPoints: 250 }
  const zerog = await openZerog({
    ...{ settings, attestation, dataDir: folder, clock: hostClock, onNotice: () => {}, onFault },
  })
  pool = await startOrchestrator({ port: 0, packDir: folder, pageFolder: null, attestation, zerog })
  process.env.COMPUTEPOOL_ZEROG_KEY = key
}, 240_000)
afterAll(async () => {
  delete process.env.COMPUTEPOOL_ZEROG_KEY
  process.exitCode = 0
  await pool?.close()
  await anvil?.close()
  await rm(folder, { recursive: true })
})

async function run(...args: string[]): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    await zerogCommand([...args, '--chain', anvil.url, '--contract', bench.serving])
    return log.mock.calls.flat().join('\n')
  } finally {
    log.mockRestore()
  }
}
const prices = ['--input-price', '0.05', '--output-price', '0.1']

it('registers once, says the chain’s boolean, and that only 0G’s team sets it', async () => {
  expect(await run('status')).toContain('not registered')
  await expect(run('register', 'http://pool.example.org', ...prices)).rejects.toThrow('by https, or on this machine')
  expect(await run('register', pool.url, ...prices, '--dry-run')).toContain('would register')
  const told = await run('register', pool.url, ...prices)
  expect(told).toContain('registered (0x')
  expect(told).toContain('100 0G')
  expect(told).toContain('less gas and 2.5 % for the provider; from 0.01 0G on.')
  expect(told).toContain('quote          none: SIMULATED')
  expect(told).toContain('NOT acknowledged. Only 0G’s team can')
  const service = await bench.serviceOf(provider.address)
  expect(service).toMatchObject({
    url: pool.url,
    model: 'random',
    inputPrice: 50_000_000_000n,
    outputPrice: 100_000_000_000n,
  })
  expect(service.verifiability).toBe('ComputePool/simulated')
  expect(JSON.parse(service.additionalInfo)).toMatchObject({ workers: 'untrusted-browser', attestation: 'simulated' })
  expect(service.additionalInfo).not.toContain('TeeML')
  expect(await run('register', pool.url, ...prices)).toContain('all was so already')
})

it('has the pool settle, and says why it cannot', async () => {
  expect(await run('settle', pool.url)).toContain('0G’s team has not acknowledged the signer')
  await bench.acknowledge(provider.address)
  await bench.lock(user, provider.address, parseEther('0.2'))
  const status = await run('status', pool.url)
  expect(status).toContain('acknowledged by 0G’s team.')
  expect(status).toContain('0.5 0G of 1 users')
  const told = await run('settle', pool.url)
  expect(told).toContain(`${user.address.toLowerCase()}  0.2 of 0.5 0G  partial`)
  expect(told).toContain('0.3 0G are still unsettled')
  // The next settlement sees what the one before has sent.
  await run('settle', pool.url)
  const paid = await clients.publicClient.getBalance({ address: operator })
  expect(paid).toBeGreaterThan(parseEther('0.19'))
  const after = await run('status', pool.url)
  expect(after).toContain(`${operator}  owed 0  being sent 0  paid ${formatEther(paid)} 0G`)
  expect(after).toContain('the provider’s 0.005, carried on -')
  process.env.COMPUTEPOOL_ZEROG_KEY = `0x${'7c'.repeat(32)}`
  await expect(run('settle', pool.url)).rejects.toThrow('HTTP 401')
  process.env.COMPUTEPOOL_ZEROG_KEY = key
})

it('lists what is in doubt, and takes the provider’s word for it where the chain shows nothing else', async () => {
  const [arrived, lost] = doubted as [(typeof doubted)[0], (typeof doubted)[0]]
  const list = await run('doubts', pool.url)
  for (const { nonce, hash, wallet } of doubted)
    expect(list).toMatch(new RegExp(`${nonce}  ${wallet}  0.02 0G of .*IN DOUBT\\n    may be ${hash}`))
  const resolve = (nonce: number, ...said: string[]) => run('resolve', pool.url, String(nonce), ...said)
  await expect(resolve(arrived.nonce)).rejects.toThrow('either --sent HASH or --not-sent')
  await expect(resolve(arrived.nonce, '--sent', '0x12')).rejects.toThrow('64 hexadecimal digits')
  await expect(resolve(arrived.nonce, '--not-sent')).rejects.toThrow(`${arrived.hash} is on the chain`)
  await expect(resolve(lost.nonce, '--sent', arrived.hash)).rejects.toThrow('and not 0.02 0G to')
  process.env.COMPUTEPOOL_ZEROG_KEY = `0x${'7c'.repeat(32)}`
  await expect(resolve(arrived.nonce, '--sent', arrived.hash)).rejects.toThrow('HTTP 401')
  process.env.COMPUTEPOOL_ZEROG_KEY = key
  // Said of the contract with that address on another chain.
  const [claim, atSeconds] = [{ did: 'not-sent' as const }, Math.floor(Date.now() / 1000)]
  const word = { chainId: 16602, serving: bench.serving, nonce: lost.nonce, claim, atSeconds }
  const signature = await provider.signMessage({ message: resolveDoubtMessage(word) })
  const reply = await fetch(new URL(`/v1/zerog/doubts/${lost.nonce}`, pool.url), {
    ...{ method: 'POST', body: JSON.stringify(claim) },
    headers: { authorization: `ZeroG ${atSeconds}.${signature}`, 'content-type': 'application/json' },
  })
  expect(reply.status).toBe(401)
  expect(await resolve(arrived.nonce, '--sent', arrived.hash)).toContain(`paid by ${arrived.hash}`)
  expect(await resolve(lost.nonce, '--not-sent')).toContain('not sent, owed again (its nonce was used by 0x')
  expect(await resolve(lost.nonce, '--not-sent')).toContain('It was resolved so already.')
  expect(await run('doubts', pool.url)).not.toContain('IN DOUBT')
  const status = await run('status', pool.url)
  expect(status).toContain(`${arrived.wallet}  owed 0  being sent 0  paid 0.02 0G`)
  expect(status).toContain(`${lost.wallet}  owed 0.02  being sent 0  paid 0 0G`)
})

it('loses neither an acknowledgement nor fees by mistake', async () => {
  const dearer = ['--input-price', '0.06', '--output-price', '0.1']
  expect(await run('register', pool.url, ...dearer)).toContain('acknowledged by 0G’s team.')
  await bench.send(provider, 'addOrUpdateService', [{ ...(await bench.serviceOf(provider.address)), model: 'other' }])
  await bench.acknowledge(provider.address)
  await expect(run('register', pool.url, ...dearer)).rejects.toThrow('take 0G’s acknowledgement away')
  expect(await run('register', pool.url, ...dearer, '--again')).toContain('NOT acknowledged')
  await expect(run('remove', pool.url)).rejects.toThrow('0.3 0G of fees are unsettled')
  expect(await run('remove', '--force')).toContain('the stake is back')
  expect(await run('remove', '--force')).toContain('nothing to remove')
})

it('takes prices as people say them, to the neuron', () => {
  expect(neuronPerToken('0.05', '-')).toBe(50_000_000_000n)
  expect(neuronPerToken('0.000000000001', '-')).toBe(1n)
  expect(formatEther(neuronPerToken('12', '-') * 1_000_000n)).toBe('12')
  for (const bad of ['-1', '1e3', '0.0000000000001', '']) expect(() => neuronPerToken(bad, '--input-price')).toThrow()
})
