/** The facilitator as the process that people start, spoken to by x402's own client for resource servers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { streamVaultAbi } from '@computepool/contracts/abi'
import { testAccounts } from '@computepool/contracts/testing'
import { HTTPFacilitatorClient } from '@x402/core/http'
import { type Hex, keccak256, stringToHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestVault, signPayment, type TestVault } from '../testing/test-vault.ts'
import { requirementsOf } from './payments/challenge.ts'
import { readPayment } from './payments/voucher.ts'

const bearer = 'key-of-a-resource-server'
const amount = 2_000_000n
// As the test chain makes its keys.
const settlerKey = keccak256(stringToHex('computepool test key: settler'))

let chain: TestVault
let folder: string
let child: ChildProcess
let url: string
const said: string[] = []

beforeAll(async () => {
  ;[chain, folder] = await Promise.all([openTestVault(), mkdtemp(join(tmpdir(), 'computepool-facilitator-'))])
  const entry = join(import.meta.dirname, 'facilitator-main.ts')
  const options = ['--chain', chain.url, '--vault', chain.vault, '--port', '0', '--data', folder]
  child = spawn(process.execPath, ['--import', 'tsx', entry, ...options], {
    env: { ...process.env, COMPUTEPOOL_SETTLER_KEY: settlerKey, COMPUTEPOOL_FACILITATOR_KEY: bearer },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', line => {
        said.push(line)
        const address = /serves (http:\S+) as /.exec(line)?.[1]
        if (address !== undefined) resolve(address)
      })
    }
    child.once('exit', () => reject(new Error(`The facilitator ended by itself: ${said.join('\n')}`)))
  })
}, 180_000)
afterAll(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await chain?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

const client = (key: string): HTTPFacilitatorClient => {
  const headers = { Authorization: `Bearer ${key}` }
  return new HTTPFacilitatorClient({
    url,
    createAuthHeaders: async () => ({ verify: headers, settle: headers, supported: {} }),
  })
}

describe('the facilitator as a process', () => {
  it('settles a voucher for x402’s client, which opens the session in the same transaction', async () => {
    const ours = client(bearer)
    const { kinds } = await ours.getSupported()
    expect(kinds).toMatchObject([{ x402Version: 2, scheme: 'exact', network: 'eip155:31337' }])
    const payer = testAccounts.payers[0]!
    const requirements = requirementsOf(chain.target, amount)
    const payload = await signPayment(chain.target, payer, amount)
    expect(await ours.verify(payload, requirements)).toMatchObject({ isValid: true })
    const before = await chain.usdcOf(payer.address)
    const settled = await ours.settle(payload, requirements)
    expect(settled).toMatchObject({ success: true, network: 'eip155:31337' })
    expect(await chain.usdcOf(payer.address)).toBe(before - amount)
    const session = await chain.publicClient.readContract({
      address: chain.vault,
      abi: streamVaultAbi,
      functionName: 'session',
      args: [readPayment(payload)!.sessionId],
    })
    expect(session).toMatchObject({ capAtomic: amount, state: 1 })
    const receipt = await chain.publicClient.getTransactionReceipt({ hash: settled.transaction as Hex })
    expect(receipt.from.toLowerCase()).toBe(testAccounts.settler.address.toLowerCase())
    // The same voucher again takes no money twice.
    expect(await ours.settle(payload, requirements)).toMatchObject({ transaction: settled.transaction })
    expect(await chain.usdcOf(payer.address)).toBe(before - amount)
  }, 60_000)

  it('moves nothing for a caller without its key', async () => {
    const payer = testAccounts.payers[1]!
    const before = await chain.usdcOf(payer.address)
    const payload = await signPayment(chain.target, payer, amount)
    await expect(
      client('not-the-key-of-anyone').settle(payload, requirementsOf(chain.target, amount)),
    ).rejects.toThrow()
    expect(await chain.usdcOf(payer.address)).toBe(before)
  })

  it('keeps its keys to itself, and goes when it is told to', async () => {
    expect(said.join('\n')).not.toContain(settlerKey.slice(2))
    expect(said.join('\n')).not.toContain(bearer)
    child.kill('SIGTERM')
    const [code, signal] = await once(child, 'exit')
    expect([code, signal]).toEqual([0, null])
  })
})
