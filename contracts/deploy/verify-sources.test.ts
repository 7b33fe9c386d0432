/** Sources shown to an explorer that compiles what it gets, as one does, and is checked against the chain. */

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { artifactOf, compileContracts, standardInputOf } from '../build/compile.ts'
import { openTestChain, type TestChain } from '../testing/open-test-chain.ts'
import type { ChainManifest } from './chain-manifest.ts'
import { ensureDeployment } from './ensure-deployment.ts'
import { type SourceVerdict, verifySources } from './verify-sources.ts'

let chain: TestChain
let dataDir: string
let manifest: ChainManifest
beforeAll(() => compileContracts().then(() => {}), 300_000)
beforeAll(async () => {
  chain = await openTestChain({ payerAtomic: 0n })
  dataDir = await mkdtemp(join(tmpdir(), 'sources-'))
  const { settler, keeper } = chain.accounts
  const vault = { model: 'me/tiny', settler: settler.address, keeper: keeper.address, pricePerSecondAtomic: 1000n }
  const coalition = { auditors: [settler.address], quorum: 1 }
  const inft = { oracles: [], takesSimulated: false }
  ;({ manifest } = await ensureDeployment({ deployer: chain.deployer, dataDir, vault, coalition, inft }))
})
afterAll(async () => {
  await chain.close()
  await rm(dataDir, { recursive: true, force: true })
})

interface Manners {
  /** Of contracts whose verification fails. */
  readonly refuses?: string
  readonly neverEnds?: boolean
  readonly breaks?: boolean
}

/** Stands in for an explorer's API: what it was sent, by contract; it shows a source after the second look. */
async function openExplorer({ refuses, neverEnds = false, breaks = false }: Manners = {}) {
  const sent = new Map<string, Record<string, string>>()
  const looks = new Map<string, number>()
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      if (breaks) return response.writeHead(502).end('<html>')
      const fields = Object.fromEntries(
        request.method === 'POST' ? new URLSearchParams(body) : new URL(request.url!, 'http://x').searchParams,
      )
      response.end(JSON.stringify(answer(fields)))
    })
  })
  function answer(fields: Record<string, string>): object {
    if (fields.action === 'verifysourcecode') {
      sent.set(fields.contractaddress!, fields)
      return { status: '1', message: 'OK', result: fields.contractname }
    }
    if (fields.action === 'checkverifystatus') {
      const isRefused = refuses !== undefined && fields.guid?.endsWith(`:${refuses}`)
      return { status: '0', result: isRefused ? 'Fail - Unable to verify' : 'Pending in queue' }
    }
    const count = (looks.get(fields.address!) ?? 0) + (sent.has(fields.address!) ? 1 : 0)
    looks.set(fields.address!, count)
    const isRefused = refuses !== undefined && sent.get(fields.address!)?.contractname?.endsWith(`:${refuses}`)
    const SourceCode = count >= 2 && !neverEnds && !isRefused ? 'contract …' : ''
    return { status: '1', result: [{ SourceCode, ContractName: '' }] }
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    sent,
    apiUrl: `http://127.0.0.1:${port}/open/api`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function verify(manners?: Manners, change: Partial<ChainManifest> = {}) {
  const explorer = await openExplorer(manners)
  const told: SourceVerdict[] = []
  try {
    const options = { manifest: { ...manifest, ...change }, apiUrl: explorer.apiUrl, pauseMs: 1, looks: 5 }
    const verdicts = await verifySources({ ...options, onProgress: verdict => told.push(verdict) })
    expect(told).toEqual(verdicts)
    // Asked again, an explorer that shows the source is sent nothing.
    const count = explorer.sent.size
    explorer.sent.clear()
    await verifySources({ ...options, onProgress: () => {} })
    const states = Object.fromEntries(verdicts.map(({ contract, state }) => [contract, state]))
    return { verdicts, states, count, sentAgain: explorer.sent.size }
  } finally {
    explorer.close()
  }
}

const all = ['DeployFactory', 'TestUsdc', 'StreamVault', 'Coalition', 'TeeDataVerifier', 'PoolINFT']

it('shows each contract’s source, with arguments that lead to the code on the chain', async () => {
  const explorer = await openExplorer()
  try {
    const verdicts = await verifySources({ manifest, apiUrl: explorer.apiUrl, pauseMs: 1, onProgress: () => {} })
    expect(verdicts.map(({ contract, state }) => [contract, state])).toEqual(all.map(name => [name, 'verified']))
    // It is what the compiler was given here, and what came of it lies there, immutables aside.
    const { sourceCode, contractname, compilerversion, constructorArguements } = explorer.sent.get(
      manifest.contracts.usdc,
    )!
    expect(compilerversion).toMatch(/^v0\.8\.\d+\+commit\.[0-9a-f]{8}$/)
    expect(sourceCode).toBe(await standardInputOf(['src/chain']))
    expect(contractname).toBe('src/chain/TestUsdc.sol:TestUsdc')
    const { deployedBytecode } = await artifactOf('TestUsdc', ['src/chain'])
    const code = (await chain.publicClient.getCode({ address: manifest.contracts.usdc }))!
    expect(code).toHaveLength(deployedBytecode.length)
    expect([...deployedBytecode].filter((digit, at) => digit !== '0' && digit !== code[at])).toEqual([])
    expect(constructorArguements).toBe(manifest.owner.slice(2).toLowerCase().padStart(64, '0'))
  } finally {
    explorer.close()
  }
})

it('sends nothing twice, and tells what was refused beside what was not', async () => {
  expect(await verify()).toMatchObject({ count: 6, sentAgain: 0 })
  const { verdicts, states } = await verify({ refuses: 'Coalition' })
  expect(states).toEqual({ ...Object.fromEntries(all.map(name => [name, 'verified'])), Coalition: 'failed' })
  expect(verdicts.find(({ contract }) => contract === 'Coalition')!.why).toBe('Fail - Unable to verify')
})

it('ends where the explorer does not, and where it breaks', async () => {
  const { verdicts } = await verify({ neverEnds: true })
  expect(verdicts.map(({ state }) => state)).toEqual(all.map(() => 'failed'))
  expect(verdicts[0]!.why).toContain('not finished after 5 looks')
  const broken = await verify({ breaks: true })
  expect(broken.verdicts[0]!.why).toMatch(/explorer at 127\.0\.0\.1:\d+ answered 502/)
})

it('shows no source of code that is another', async () => {
  const [vault] = manifest.vaults
  const { states } = await verify({}, { vaults: [{ ...vault!, pricePerSecondAtomic: '1001' }] })
  expect(states.StreamVault).toBe('skipped')
})
