import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSocketTab } from '../testing/socket-tab.ts'
import { writeTinyPack } from '../testing/tiny-pack.ts'
import { type RunningOrchestrator, startOrchestrator } from './serve.ts'

const tsx = import.meta.resolve('tsx')
const hubProgram = fileURLToPath(new URL('../../signaling/src/main.ts', import.meta.url))

const children: ChildProcess[] = []
let packDir = ''
let running: RunningOrchestrator | null = null
beforeEach(async () => {
  packDir = await mkdtemp(join(tmpdir(), 'computepool-hub-'))
  await writeTinyPack(packDir)
})
afterEach(async () => {
  await running?.close()
  for (const child of children.splice(0)) {
    const gone = once(child, 'exit')
    child.kill()
    await gone
  }
  await rm(packDir, { recursive: true })
})

/** A hub as a process of its own; answers its origin, which it says when it listens. */
async function startHubProcess(deskAddress: string): Promise<string> {
  const child = spawn(process.execPath, ['--import', tsx, hubProgram], {
    env: { ...process.env, PORT: '0', COMPUTEPOOL_DESK_ADDRESSES: deskAddress },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return `http://${/ws:\/\/([\d.:]+)\/signal/.exec(line)![1]}`
}

it('serves tabs that join through a hub in another process', async () => {
  const deskKey = generatePrivateKey()
  const hubUrl = await startHubProcess(privateKeyToAccount(deskKey).address)
  const faults: unknown[] = []
  running = await startOrchestrator({
    port: 0,
    packDir,
    pageFolder: null,
    signaling: { url: hubUrl, deskKey },
    onFault: fault => faults.push(fault),
  })
  const { desk, url } = running
  // A tab that comes before the desk is sent away for the moment; it tries again, as the page does.
  const join = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      openSocketTab(hubUrl, { model: 'random' }, () => resolve(false))
        .then(tab => tab.commandOf('model-offered'))
        .then(() => resolve(true), reject)
    })
  for (let joined = 0; joined < 2; ) if (await join()) joined++
  while (desk.snapshot().status !== 'ready') {
    await new Promise<void>(resolve => {
      const forget = desk.onChange(() => {
        forget()
        resolve()
      })
    })
  }
  expect(desk.snapshot().seats).toHaveLength(2)
  expect(faults).toEqual([])
  // Signaling is the hub's alone then: the orchestrator has no door of its own for tabs.
  await expect(openSocketTab(url, { model: 'random' })).rejects.toThrow()
})

it('says once that the hub is out of reach', async () => {
  const signaling = { url: 'http://127.0.0.1:1', deskKey: generatePrivateKey() }
  const fault = await new Promise<unknown>((onFault, reject) => {
    startOrchestrator({ port: 0, packDir, pageFolder: null, signaling, onFault }).then(started => {
      running = started
    }, reject)
  })
  expect(fault).toMatchObject({ code: 'peer_unreachable', message: expect.stringContaining('ECONNREFUSED') })
})
