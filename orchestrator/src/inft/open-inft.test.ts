/** While a pool's token is being opened: one fault is not the end of it, and strangers read no address of a node and no folder. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { OpenedChain } from '../payments/money-chain.ts'
import { inftRoutes } from './inft-routes.ts'
import { openKeptFile } from './kept-file.ts'
import { openInft } from './open-inft.ts'

const dataDir = '/home/operator/data'
const ended = new ComputePoolError('chain_wrong', `The file ${dataDir}/chain/1.json names another chain.`, {
  remedy: 'Ask https://somebody:password@rpc.example/v2/key for eth_chainId.',
})

/** `faults` come one after the other while the contracts are looked for. */
function opening(faults: readonly unknown[]) {
  const clock = createManualClock()
  const told: unknown[] = []
  const money = {
    get manifest(): never {
      throw faults[Math.min(told.length, faults.length - 1)]
    },
  }
  const inft = openInft({
    settings: { isPrivate: true, tokenId: 1n },
    chain: Promise.resolve({
      money,
      owner: null,
      oracleKey: `0x${'11'.repeat(32)}`,
      pageRpcUrl: '',
    } as unknown as OpenedChain),
    intelligence: () => Promise.reject(new Error('Nothing is minted.')),
    ...{ url: 'http://pool.example', dataDir, clock },
    onNotice: () => {},
    onFault: fault => told.push(fault),
  })
  const routes = inftRoutes({ desk: inft.desk, addressOf: () => 'here', clock })
  return { inft, clock, told, seen: async () => (await routes.request('/inft')).text() }
}
const rawFault = () =>
  new Error('HTTP request failed.\n\nURL: https://rpc.example/v2/key\nRequest body: {}\n\nDetails: timeout')

it('goes on after faults that are nobody’s own, and ends where trying again is no use', async () => {
  const { inft, clock, told } = opening([rawFault(), new TypeError('undefined is no function'), rawFault(), ended])
  await clock.advance(0)
  for (const faults of [1, 2, 3, 4, 4]) {
    expect(told).toHaveLength(faults)
    await clock.advance(15_000)
  }
  expect(await inft.ready).toBe(null)
  // The log has the whole of it.
  expect(told.map(fault => [(fault as ComputePoolError).code, String((fault as Error).cause).split('\n')[0]])).toEqual([
    ['chain_unreachable', 'Error: HTTP request failed.'],
    ['chain_unreachable', 'TypeError: undefined is no function'],
    ['chain_unreachable', 'Error: HTTP request failed.'],
    ['chain_wrong', 'undefined'],
  ])
})

it.each([
  ['a raw fault', rawFault(), 'The pool’s token could not be made ready.'],
  [
    'a bug',
    new ComputePoolError('bug_unreachable_state', rawFault().message),
    'The pool’s token could not be made ready.',
  ],
  [
    'a refusal',
    new ComputePoolError('chain_unreachable', 'The call: wss://rpc.example/v2/key does not answer.'),
    'The call: wss://rpc.example/… does not answer.',
  ],
  ['a file', ended, 'The file …/chain/1.json names another chain.'],
])('tells strangers nothing of the node’s address and of folders: %s', async (_name, fault, why) => {
  const { inft, clock, seen } = opening([fault])
  await clock.advance(0)
  expect(JSON.parse(await seen())).toEqual({ mode: 'none', why })
  let refusal: unknown
  try {
    inft.desk.opened()
  } catch (thrown) {
    refusal = thrown
  }
  expect(JSON.stringify(refusal)).not.toMatch(/v2|password|operator\/data/)
  await inft.close()
})

it('tells as little where the chain itself does not come', async () => {
  const clock = createManualClock()
  const inft = openInft({
    settings: { isPrivate: false, tokenId: null },
    chain: Promise.reject(rawFault()),
    intelligence: () => Promise.reject(new Error('Nothing is minted.')),
    ...{ url: 'http://pool.example', dataDir, clock },
    onNotice: () => {},
    onFault: () => {},
  })
  expect([await inft.ready, inft.desk.why()]).toEqual([null, 'The pool’s token could not be made ready.'])
})

it('names a kept file that holds something else, and not where it lies', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-kept-'))
  try {
    await writeFile(join(folder, 'rows.json'), '{"a":')
    const refusal = await openKeptFile(join(folder, 'rows.json'), z.array(z.string()), []).catch(
      (thrown: unknown) => thrown,
    )
    expect(refusal).toMatchObject({ code: 'chain_state_invalid', message: expect.stringContaining('rows.json') })
    expect(JSON.stringify(refusal)).not.toContain(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
})

it('opens with a cache of the chain’s past that is broken, and tells of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-histories-'))
  const at = `0x${'22'.repeat(20)}`
  const manifest = { inft: { token: at, verifier: at, block: 0 } }
  const money = { client: {}, chain: { id: 16602 }, manifest, isEmbedded: false, storageKey: null }
  const told: unknown[] = []
  try {
    await mkdir(join(folder, 'inft'))
    await writeFile(join(folder, 'inft', 'histories.json'), '[{"chainId":166')
    const inft = openInft({
      settings: { isPrivate: false, tokenId: 1n },
      chain: Promise.resolve({ money, owner: null, oracleKey: `0x${'11'.repeat(32)}` } as unknown as OpenedChain),
      intelligence: () => Promise.reject(new Error('Nothing is minted.')),
      ...{ url: 'http://pool.example', dataDir: folder, clock: createManualClock() },
      onNotice: () => {},
      onFault: fault => told.push(fault),
    })
    expect([await inft.ready, inft.desk.why()]).toEqual([1n, null])
    expect(told).toMatchObject([{ code: 'chain_state_invalid', message: expect.stringContaining('histories.json') }])
    await inft.close()
  } finally {
    await rm(folder, { recursive: true })
  }
})
