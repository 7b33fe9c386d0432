/** What a stranger types first: `npm start`, with and without a model of their own, and `npm run demo`, as the processes that they are. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from '@playwright/test'
import { startLocalHub } from '../../node/testing/local-hub.ts'

interface Run {
  /** All that was said so far. */
  output(): string
  /** Resolves with the first match in what is said; rejects with all that was said where the process ends before. */
  said(pattern: RegExp): Promise<RegExpMatchArray>
  /** Standard output and exit code, once it has ended. */
  readonly ended: Promise<{ readonly stdout: string; readonly code: number | null }>
  stop(): void
}

const live = new Set<ChildProcess>()
test.afterEach(() => {
  for (const child of live) child.kill('SIGKILL')
})

function run(entry: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, ['node/scripts/run.mjs', entry, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  live.add(child)
  let stdout = ''
  let both = ''
  const listeners = new Set<() => void>()
  const hear = (text: string): void => {
    both += text
    for (const listen of listeners) listen()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    hear(text)
  })
  child.stderr.setEncoding('utf8').on('data', hear)
  const ended = new Promise<{ stdout: string; code: number | null }>(resolve => {
    child.on('close', code => {
      live.delete(child)
      resolve({ stdout, code })
    })
  })
  const said = (pattern: RegExp): Promise<RegExpMatchArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = both.match(pattern)
        if (match !== null) resolve(match)
      }
      listeners.add(look)
      look()
      void ended.then(({ code }) => reject(new Error(`It ended with ${code} before it said ${pattern}:\n${both}`)))
    })
  return { output: () => both, said, ended, stop: () => child.kill('SIGTERM') }
}

const start = (args: readonly string[], environment?: Readonly<Record<string, string>>) =>
  run('orchestrator/src/main.ts', ['--port', '0', '--free', '--auditors', '0', ...args], environment)

async function modelsAt(url: string): Promise<string[]> {
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] }
  return data.map(({ id }) => id)
}

/** The address that it prints, once all is said. */
const addressOf = async (server: Run): Promise<string> =>
  (await server.said(/Chat +(http:\/\/127\.0\.0\.1:\d+)\/chat[\s\S]*Ctrl-C stops it\./))[1]!

test('npm start says where it is and what to do, serves, and ends when told to', async () => {
  const server = start([])
  const url = await addressOf(server)
  expect(server.output()).toContain(`Open ${url}/operate in 2 tabs and press Join in each`)
  expect(server.output()).toContain(`curl -N ${url}/v1/chat/completions`)
  expect(await modelsAt(url)).toEqual(['computepool-demo'])
  expect(await (await fetch(`${url}/operate`)).text()).toContain('<title>ComputePool')
  server.stop()
  expect((await server.ended).code, server.output()).toBe(0)
  await expect(fetch(url)).rejects.toThrow()
})

test('npm start --model packs a model of the hub once, then serves it', async () => {
  const cache = await mkdtemp(path.join(os.tmpdir(), 'computepool-start-'))
  const hub = await startLocalHub({ repos: { 'tiny/llama': 'models/tiny/llama' } })
  const environment = { COMPUTEPOOL_HUB_URL: hub.url, COMPUTEPOOL_CACHE: cache }
  try {
    const first = start(['--model', 'hf:tiny/llama'], environment)
    const url = await addressOf(first)
    expect(first.output()).toMatch(/Packing hf:tiny\/llama as q8 into/)
    expect(first.output()).toMatch(/\] +\d+% +layer-0 +tensors \d+\/\d+/)
    const [model] = await modelsAt(url)
    expect(model).toContain('llama')
    first.stop()
    expect((await first.ended).code, first.output()).toBe(0)
    expect(await readdir(cache)).toHaveLength(1)

    const asked = hub.requests.length
    expect(asked).toBeGreaterThan(0)
    const second = start(['--model', 'hf:tiny/llama'], environment)
    expect(await modelsAt(await addressOf(second))).toEqual([model])
    expect(second.output()).not.toContain('Packing')
    expect(hub.requests).toHaveLength(asked)
    second.stop()
    expect((await second.ended).code, second.output()).toBe(0)
  } finally {
    await hub.close()
    await rm(cache, { recursive: true, force: true })
  }
})

test('npm run demo pays for a golden answer, and its last line is one JSON object whose sums come out', async () => {
  const transcripts = JSON.parse(await readFile('models/demo/golden/transcripts.json', 'utf8')) as {
    readonly messages: readonly { readonly content: string }[]
    readonly completionTokens: readonly number[]
    readonly text: string
  }[]
  const { messages, completionTokens, text } = transcripts.find(transcript => transcript.messages.length === 1)!
  const demo = run('e2e/src/demo.ts', ['--prompt', messages[0]!.content, '--peers', '2', '--engine', 'wasm', '--json'])
  const { stdout, code } = await demo.ended
  expect(code, demo.output()).toBe(0)
  const reply = JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
  expect(reply).toEqual({
    text,
    tokens: completionTokens.length,
    tokensPerSecond: expect.any(Number),
    timeToFirstTokenMs: expect.any(Number),
    route: [0, 1].map(() => ({ peer: expect.any(String), layers: expect.any(Array), engine: 'wasm' })),
    directHops: expect.any(Number),
    capAtomic: '100000',
    paidAtomic: decimal,
    refundedAtomic: decimal,
    advancedWei: decimal,
    owedWei: decimal,
    earned: [0, 1].map(() => ({ operator: expect.any(String), amountAtomic: decimal, amountWei: decimal })),
    transactions: expect.any(Array),
  })
  // A lap is two trips: activations to the exit, its choices back to the entry; it brings one token or, guessed ahead, several.
  expect(reply.directHops % 2).toBe(0)
  expect(reply.directHops).toBeGreaterThan(0)
  expect(reply.directHops).toBeLessThanOrEqual(2 * completionTokens.length)
  expect(reply.tokensPerSecond).toBeGreaterThan(0)
  expect(reply.timeToFirstTokenMs).toBeGreaterThan(0)
  const [entry, exit] = reply.route as { layers: [number, number] }[]
  expect([entry!.layers[0], entry!.layers[1]]).toEqual([0, exit!.layers[0]])
  expect(exit!.layers[1]).toBeGreaterThan(exit!.layers[0])
  const { paidAtomic, earned, transactions } = reply as PaidReply
  expect(BigInt(paidAtomic)).toBeGreaterThan(0n)
  expect(sum([paidAtomic, reply.refundedAtomic])).toBe(BigInt(reply.capAtomic))
  expect(sum(earned.map(({ amountAtomic }) => amountAtomic))).toBe(BigInt(paidAtomic))
  expect(sum(earned.map(({ amountWei }) => amountWei))).toBe(
    BigInt(paidAtomic) * 10n ** 12n + BigInt(reply.advancedWei) - BigInt(reply.owedWei),
  )
  const peers = (reply.route as { peer: string }[]).map(({ peer }) => peer.slice(0, 42))
  expect(earned.map(({ operator }) => operator)).toEqual(peers.sort())
  expect(transactions.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['open', 'close']))
})

const decimal = expect.stringMatching(/^\d+$/)
const sum = (amounts: readonly string[]): bigint => amounts.reduce((total, amount) => total + BigInt(amount), 0n)
interface PaidReply {
  readonly paidAtomic: string
  readonly earned: readonly { readonly operator: string; readonly amountAtomic: string; readonly amountWei: string }[]
  readonly transactions: readonly { readonly kind: string }[]
}
