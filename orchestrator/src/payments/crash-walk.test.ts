/** `kill -9` at every step of every kind of order in the outbox, each time with money under way, each time started anew on the same data. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import { killChainWithUs } from '@computepool/contracts/testing'
import { activitySessionsSchema, moneyTermsSchema, type PaidTerms, type SessionView } from '@computepool/shared/money'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import { createPublicClient, type Hex, http } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleProgram } from '../../../node/testing/bundle-program.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'
import type { DeathWish } from '../../testing/mortal-orchestrator.ts'
import { openSocketTab } from '../../testing/socket-tab.ts'
import { tinyModel as model, writeTinyPack } from '../../testing/tiny-pack.ts'
import { killPoints } from './outbox-ports.ts'

const program = await bundleProgram('orchestrator/testing/mortal-orchestrator.ts')
const payer = privateKeyToAccount(generatePrivateKey())
const schemes = [{ network: 'eip155:*' as const, client: new ExactEvmScheme(payer) }]
const paying = wrapFetchWithPayment(fetch, x402Client.fromConfig({ schemes, spendControls: false }))
const giftAtomic = 30_000_000n

interface Mortal {
  readonly process: ChildProcess
  readonly url: string
  readonly ownerToken: string
  readonly terms: PaidTerms
}

let folder = ''
let last: ChildProcess | null = null
/** Started, and told no wish yet. */
let idle: Mortal | null = null
let paid = 0

async function start(): Promise<Mortal> {
  const child = fork(program, [join(folder, 'data'), join(folder, 'pack')], {
    execArgv: ['--liftoff-only'],
  })
  last = child
  const told = await Promise.race([
    once(child, 'message').then(([message]) => message as { url: string; ownerToken: string }),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`The orchestrator ended with ${code}.`))),
  ])
  const terms = moneyTermsSchema.parse(await (await fetch(`${told.url}/api/money`)).json()) as PaidTerms
  return { process: child, ...told, terms }
}

/** The entry of a ring, and the way to take its tabs away again. */
async function openRing(url: string): Promise<FakeTab> {
  const tabs = [await openSocketTab(url, { model }), await openSocketTab(url, { model })]
  const assigned = await Promise.all(tabs.map(tab => tab.commandOf('assign-slice')))
  return tabs[assigned.findIndex(({ seat }) => seat === 0)]!
}

async function sessionsOf({ url, ownerToken }: Mortal): Promise<SessionView[]> {
  const headers = { authorization: `Bearer ${ownerToken}` }
  return activitySessionsSchema.parse(await (await fetch(`${url}/api/activity/sessions`, { headers })).json()).sessions
}

/** Every session comes to its end by itself, and then the books and the chain agree to the last unit. */
async function expectSettled(mortal: Mortal, paidBefore: number): Promise<void> {
  let sessions = await sessionsOf(mortal)
  while (!sessions.every(({ status }) => status === 'closed' || status === 'refused')) {
    await new Promise(resolve => setTimeout(resolve, 200))
    sessions = await sessionsOf(mortal)
  }
  const { vault, usdc, chain } = mortal.terms
  const client = createPublicClient({ transport: http(chain.rpcUrl) })
  const contract = { address: vault as Hex, abi: streamVaultAbi } as const
  const [liveCount, liveRateWei, held, openings] = await Promise.all([
    client.readContract({ ...contract, functionName: 'liveCount' }),
    client.readContract({ ...contract, functionName: 'liveRateWei' }),
    client.readContract({ address: usdc as Hex, abi: usdcAbi, functionName: 'balanceOf', args: [payer.address] }),
    client.getContractEvents({ ...contract, eventName: 'SessionOpened', fromBlock: 0n }),
  ])
  const closed = sessions.filter(({ status }) => status === 'closed')
  const spent = closed.reduce((sum, { spentAtomic }) => sum + spentAtomic, 0n)
  expect({ liveCount, liveRateWei, held }).toEqual({ liveCount: 0n, liveRateWei: 0n, held: giftAtomic - spent })
  expect(openings.map(({ args }) => args.id).sort()).toEqual(closed.map(({ id }) => id).sort())
  expect(sessions.length).toBeLessThanOrEqual(paidBefore)
  for (const { capAtomic, spentAtomic, refundableAtomic } of closed) {
    expect(refundableAtomic).toBe(capAtomic - spentAtomic)
  }
}

type OrderKind = 'open' | 'set' | 'close'

/** A voucher is settled by the settler, not by a keeper's run. */
const runSteps: readonly string[] = ['outbox:submitted', 'outbox:execution-stored', 'outbox:run-over']
const wishesOf = (kind: OrderKind): DeathWish[] =>
  killPoints
    .filter(point => (kind === 'open' ? !runSteps.includes(point) : point !== 'outbox:settled'))
    .map(point => ({ kind, point }))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-crash-'))
  killChainWithUs(join(folder, 'data'))
  await writeTinyPack(join(folder, 'pack'))
  idle = await start()
  for (let times = 0; times < 3; times++) {
    const body = JSON.stringify({ address: payer.address })
    const gift = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    expect((await fetch(`${idle.url}/api/faucet`, gift)).status).toBe(200)
  }
}, 300_000)
afterAll(async () => {
  if (last !== null && last.exitCode === null && last.signalCode === null) {
    const gone = once(last, 'exit')
    last.kill('SIGTERM')
    await gone
  }
  await rm(folder, { recursive: true, force: true })
}, 60_000)

it.each(['open', 'set', 'close'] as const)(
  'costs nobody anything, of an order of the kind %s',
  async kind => {
    for (const wish of wishesOf(kind)) {
      const mortal = idle ?? (await start())
      idle = null
      await expectSettled(mortal, paid)
      const entry = await openRing(mortal.url)
      const armed = once(mortal.process, 'message')
      const gone = once(mortal.process, 'exit')
      mortal.process.send(wish)
      await armed
      while (!(await (await fetch(`${mortal.url}/api/pool`)).text()).includes('"status":"ready"')) {
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      paid++
      const reply = paying(`${mortal.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] }),
      }).catch(() => null)
      const job = entry.nextJob().then(({ requestId }) => {
        entry.flow(requestId)
        entry.token(requestId, 0, 65)
        if (wish.kind === 'close') entry.finish(requestId, 'stop', 2)
      })
      job.catch(() => {})
      const [, signal] = await gone
      expect([wish, signal]).toEqual([wish, 'SIGKILL'])
      await reply
    }
    idle = await start()
    await expectSettled(idle, paid)
  },
  600_000,
)
