import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGate } from '@computepool/shared/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hostClock, hostEntropy } from '../host.ts'
import { auditorsChainOf, openAuditors } from './open-auditors.ts'

const [registry, former] = [`0x${'c0'.repeat(20)}`, `0x${'c1'.repeat(20)}`]
const manifestOf = (rest: object) => rest as Parameters<typeof auditorsChainOf>[0]['manifest']
const rpcUrl = 'http://127.0.0.1:1'
/** Tells a test, at the pool's address, what it was started with. */
const program = `
const { COMPUTEPOOL_RPC_URL, KEEPERHUB_API_KEY } = process.env
const args = process.argv.slice(2)
await fetch(args[args.indexOf('--url') + 1], { method: 'POST', body: JSON.stringify({ args, COMPUTEPOOL_RPC_URL, KEEPERHUB_API_KEY }) })
setInterval(() => {}, 60_000)
`

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'open-auditors-'))
  writeFileSync(join(folder, 'told.mjs'), program)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function startedWith(chain: ReturnType<typeof auditorsChainOf> | null) {
  const told = createGate()
  let body = ''
  const pool = createServer((request, response) => {
    request.on('data', part => (body += part)).on('end', () => response.end(told.open()))
  })
  await new Promise<void>(resolve => pool.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(pool.address() as AddressInfo).port}`
  const auditors = openAuditors({
    ...{ count: 1, url, dataDir: folder, program: join(folder, 'told.mjs'), clock: hostClock, entropy: hostEntropy },
    known: Promise.resolve([{ secret: `0x${'42'.repeat(32)}`, keeperKey: 'kh_own' }] as const),
    chain: Promise.resolve(chain),
    onFault: fault => expect.soft(fault).toBe(null),
  })
  await told.opened
  await auditors.close()
  pool.close()
  const { args, ...environment } = JSON.parse(body) as { args: string[] }
  return { keeper: args.slice(args.indexOf('--json') + 1), environment, url }
}

it('tells auditors with an organisation of their own which chain and which registries they vote at', async () => {
  const chain = auditorsChainOf({
    rpcUrl,
    manifest: manifestOf({ coalition: { address: registry }, formerCoalitions: [{ address: former }] }),
  })
  const { keeper, environment, url } = await startedWith(chain)
  expect(keeper).toEqual(['--keeper-url', `${url}/api/keeper`, '--registry', registry, '--registry', former])
  expect(environment).toEqual({ COMPUTEPOOL_RPC_URL: rpcUrl, KEEPERHUB_API_KEY: 'kh_own' })
}, 60_000)

it('gives them no keeper where there is no registry', async () => {
  for (const chain of [null, auditorsChainOf({ rpcUrl, manifest: manifestOf({}) })]) {
    const { keeper, environment } = await startedWith(chain)
    expect([keeper, environment]).toEqual([[], { KEEPERHUB_API_KEY: '' }])
  }
}, 60_000)
