import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Chain, createPublicClient, createTestClient, createWalletClient, http, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { killChainWithUs } from '../testing/die-with-us.ts'
import { askRpc } from './anvil-process.ts'
import { isAlive, type KnownProcess } from './process-alive.ts'
import { type EmbeddedChain, type EmbeddedChainOptions, startEmbeddedChain } from './start-embedded-chain.ts'

const STRANGER = '0x00000000000000000000000000000000000a11ce'
let dataDir: string
let releaseChain: () => void
const open: EmbeddedChain[] = []
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'chain-'))
  releaseChain = killChainWithUs(dataDir)
})
afterEach(async () => {
  for (const chain of open.splice(0)) await chain.close()
  releaseChain()
  await rm(dataDir, { recursive: true, force: true })
})

async function start(options: Partial<EmbeddedChainOptions> = {}): Promise<EmbeddedChain> {
  const chain = await startEmbeddedChain({ dataDir, ...options })
  open.push(chain)
  return chain
}

function clientsOf({ url, chain, keys }: EmbeddedChain) {
  const transport = http(url)
  const account = privateKeyToAccount(keys.owner)
  return {
    reader: createPublicClient({ chain, transport, cacheTime: 0, pollingInterval: 50 }),
    owner: createWalletClient({ account, chain: chain as Chain, transport }),
    anvil: createTestClient({ mode: 'anvil', chain, transport }),
  }
}

const readJson = async (name: string) => JSON.parse(await readFile(join(dataDir, 'chain', name), 'utf8'))

/** Holds the chain in another process, to be killed. */
async function holdChain() {
  const script = fileURLToPath(new URL('../testing/hold-chain.ts', import.meta.url))
  const tsx = createRequire(import.meta.url).resolve('tsx/cli')
  const parent = spawn(process.execPath, [tsx, script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const told = once(createInterface(parent.stdout), 'line').then(([line]) => JSON.parse(String(line)))
  return {
    told: told as Promise<{ url: string; owner: string }>,
    async kill() {
      const gone = once(parent, 'exit')
      // tsx starts a process of its own; the one that holds the chain is the one to kill.
      process.kill((await readJson('chain.lock')).pid, 'SIGKILL')
      await gone
    },
  }
}

async function give(chain: EmbeddedChain, value: bigint) {
  const { owner, reader } = clientsOf(chain)
  const hash = await owner.sendTransaction({ to: STRANGER, value })
  await chain.mine()
  return reader.waitForTransactionReceipt({ hash })
}

it('mines on its own, holds coins for three keys, and enforces EIP-170', async () => {
  const chain = await start()
  const { reader, owner } = clientsOf(chain)
  expect(await reader.getChainId()).toBe(31337)
  for (const key of Object.values(chain.keys)) {
    expect(await reader.getBalance({ address: privateKeyToAccount(key).address })).toBe(parseEther('1000'))
  }
  const before = await reader.getBlockNumber()
  await new Promise<void>(resolve => {
    const stop = reader.watchBlockNumber({
      onBlockNumber: number => {
        if (number <= before) return
        stop()
        resolve()
      },
    })
  })
  // PUSH2 size, PUSH0, RETURN: a contract of `size` zero bytes.
  const contractOf = (size: string) => owner.deployContract({ abi: [], bytecode: `0x61${size}5ff3` })
  await expect(contractOf('6001')).rejects.toThrow(/code ?size|CreateContractSizeLimit|max code/i)
  await contractOf('6000')
})

it('keeps its state, its keys and its port from run to run', async () => {
  const first = await start()
  const { transactionHash } = await give(first, 5n)
  await first.close()
  const second = await start()
  const { reader } = clientsOf(second)
  expect({ isNew: second.isNew, wasAdopted: second.wasAdopted, url: second.url, keys: second.keys }).toEqual({
    isNew: false,
    wasAdopted: false,
    url: first.url,
    keys: first.keys,
  })
  expect(await reader.getBalance({ address: STRANGER })).toBe(5n)
  expect((await reader.getTransactionReceipt({ hash: transactionHash })).status).toBe('success')
})

it.skipIf(process.platform === 'win32')('shows its keys to their owner only', async () => {
  await start()
  expect((await stat(join(dataDir, 'keys.json'))).mode & 0o777).toBe(0o600)
})

it('is adopted after kill -9 of the process that started it', async () => {
  const holder = await holdChain()
  const held = await holder.told
  const anvil: KnownProcess = await readJson('anvil.json')
  await expect(startEmbeddedChain({ dataDir })).rejects.toMatchObject({ code: 'chain_unavailable' })
  await holder.kill()
  expect(isAlive(anvil)).toBe(true)

  const chain = await start()
  expect({ wasAdopted: chain.wasAdopted, url: chain.url, owner: chain.keys.owner }).toEqual({
    wasAdopted: true,
    ...held,
  })
  await chain.close()
  expect(isAlive(anvil)).toBe(false)
  expect((await start()).isNew).toBe(false)
})

it.skipIf(process.platform === 'win32')('is not started a second time while the first does not answer', async () => {
  const holder = await holdChain()
  await holder.told
  const anvil: KnownProcess = await readJson('anvil.json')
  await holder.kill()
  process.kill(anvil.pid, 'SIGSTOP')
  await expect(startEmbeddedChain({ dataDir, answerWithinMs: 300 })).rejects.toMatchObject({
    code: 'chain_unavailable',
    remedy: expect.stringContaining(`end process ${anvil.pid}`),
  })
  expect((await readJson('anvil.json')).pid).toBe(anvil.pid)
  process.kill(anvil.pid, 'SIGCONT')
  expect((await start()).wasAdopted).toBe(true)
})

it.skipIf(process.platform === 'win32')('is adopted where its starter was killed before it answered', async () => {
  const holder = await holdChain()
  holder.told.catch(() => {})
  let anvil: KnownProcess | undefined
  // Stopped as soon as it is on record: it never got to answer its starter.
  while (anvil === undefined) {
    await new Promise(resolve => setImmediate(resolve))
    anvil = await readJson('anvil.json').catch(() => undefined)
  }
  process.kill(anvil.pid, 'SIGSTOP')
  await holder.kill()
  process.kill(anvil.pid, 'SIGCONT')
  const chain = await start()
  expect({ wasAdopted: chain.wasAdopted, isNew: chain.isNew }).toEqual({ wasAdopted: true, isNew: true })
  expect((await readJson('anvil.json')).pid).toBe(anvil.pid)
})

it('cleans a stale record away and does not touch what lives under its pid', async () => {
  const first = await start()
  await first.close()
  await writeFile(
    join(dataDir, 'chain/anvil.json'),
    JSON.stringify({ pid: process.pid, startedTicks: null, port: Number(new URL(first.url).port) }),
  )
  const second = await start()
  expect({ wasAdopted: second.wasAdopted, isNew: second.isNew }).toEqual({ wasAdopted: false, isNew: false })
})

it('goes on from the last whole state where a crash cut the file off', async () => {
  const first = await start({ stateIntervalSeconds: 2, watchEveryMs: 50 })
  await give(first, 7n)
  // The copy is made while it runs: a month may lie between two starts.
  await expect
    .poll(() => readFile(join(dataDir, 'chain/state.json.good'), 'utf8').catch(() => ''), { timeout: 15_000 })
    .toContain(STRANGER)
  await first.close()
  await truncate(join(dataDir, 'chain/state.json'), 1000)
  const notices: string[] = []
  const second = await start({ onNotice: notice => notices.push(notice) })
  expect(await clientsOf(second).reader.getBalance({ address: STRANGER })).toBe(7n)
  expect(notices).toHaveLength(1)
})

it('refuses a state that belongs to other keys', async () => {
  const first = await start()
  await first.close()
  await rm(join(dataDir, 'keys.json'))
  await expect(startEmbeddedChain({ dataDir })).rejects.toMatchObject({ code: 'chain_state_invalid' })
  expect(isAlive(await readJson('anvil.json'))).toBe(false)
})

it('is cut down in a quiet moment, and loses no transaction by it', async () => {
  let told = (_notice: string) => {}
  const compacted = new Promise<string>(resolve => {
    told = resolve
  })
  const chain = await start({ compactAfterBlocks: 304, watchEveryMs: 50, onNotice: notice => told(notice) })
  const { reader, anvil } = clientsOf(chain)
  const { transactionHash, blockNumber } = await give(chain, 3n)
  // Some short of the limit: interval mining reaches it when this call is over.
  await anvil.mine({ blocks: 300 })
  expect(await compacted).toMatch(/^The chain’s state was cut down from 3\d\d to 2\d\d blocks/)
  expect(await askRpc(Number(new URL(chain.url).port), 'eth_getBlockByNumber', ['0x8', false])).toBe(null)
  expect((await reader.getTransactionReceipt({ hash: transactionHash })).blockNumber).toBe(blockNumber)
  expect(await reader.getBalance({ address: STRANGER })).toBe(3n)
})

it('goes on uncut where it cannot be cut down', async () => {
  let told = (_notice: string) => {}
  const noticed = new Promise<string>(resolve => {
    told = resolve
  })
  const chain = await start({ compactAfterBlocks: 304, watchEveryMs: 50, onNotice: notice => told(notice) })
  const { reader, anvil } = clientsOf(chain)
  // As a disk that takes no more: the draft cannot be written.
  await mkdir(join(dataDir, 'chain/state.json.draft'))
  await give(chain, 3n)
  await anvil.mine({ blocks: 300 })
  expect(await noticed).toMatch(/could not be cut down \(EISDIR\)/)
  await expect.poll(() => reader.getBlockNumber().catch(() => 0n), { timeout: 10_000 }).toBeGreaterThan(300n)
  expect(await reader.getBalance({ address: STRANGER })).toBe(3n)
})

it('comes back on its port where its process ended', async () => {
  const notices: string[] = []
  const chain = await start({ watchEveryMs: 50, stateIntervalSeconds: 1, onNotice: notice => notices.push(notice) })
  const { reader } = clientsOf(chain)
  const { pid } = await readJson('anvil.json')
  await give(chain, 3n)
  await expect
    .poll(() => readFile(join(dataDir, 'chain/state.json'), 'utf8').catch(() => ''), { timeout: 15_000 })
    .toContain(STRANGER)
  process.kill(pid, 'SIGTERM')
  await expect.poll(() => notices, { timeout: 10_000 }).toHaveLength(1)
  expect(await reader.getBalance({ address: STRANGER })).toBe(3n)
})
