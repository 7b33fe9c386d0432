/**
 * `npm run demo`: the whole product by itself. It starts the orchestrator on a free port with a chain of its own, opens headless tabs
 * that join as operators, pays, asks one question through the OpenAI endpoint, closes, and prints one JSON object as its last line.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { openRing } from '../harness/open-ring.ts'
import { payForDemo } from './pay-for-demo.ts'

const help = `Usage: npm run demo -- [--prompt TEXT] [--peers N] [--engine webgpu|wasm] [--pack DIR] [--max-tokens N] [--free] [--cheat garbage] [--json]

Starts an orchestrator, its own chain and N headless browser tabs, pays, asks the question, prints the answer and the account.
  --prompt TEXT     the question (default: "What is ComputePool?")
  --peers N         how many tabs share the model, 1 to 6 (default: 2)
  --engine KIND     force an engine; by default each tab measures and chooses
  --pack DIR        a model pack (default: the demo model)
  --max-tokens N    longest answer (default: 96)
  --free            no chain and no payment
  --cheat garbage   instead: of four headless operators that staked one sends garbage, is caught, replaced and slashed (no browser;
                    with --free: no chain and no stake)
  --json            print only the JSON object

Amounts are decimal strings: Atomic is a millionth of a USDC, Wei is 10^-18 of a USDCx. They add up, or the demo fails:
  capAtomic = paidAtomic + refundedAtomic
  all amountAtomic together = paidAtomic: it is shared by what each operator earned, the last units by largest remainder
  all amountWei together (what the chain gave them) = paidAtomic * 10^12 + advancedWei (blocks streamed a moment too long, at the
  reserve's cost) - owedWei (rounding that waits for the next payout)`

const { values } = parseArgs({
  options: {
    prompt: { type: 'string', default: 'What is ComputePool?' },
    peers: { type: 'string', default: '2' },
    engine: { type: 'string' },
    pack: { type: 'string', default: 'models/demo/pack' },
    'max-tokens': { type: 'string', default: '96' },
    free: { type: 'boolean', default: false },
    cheat: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const peers = Number(values.peers)
const maxTokens = Number(values['max-tokens'])
if (!Number.isInteger(peers) || peers < 1 || peers > 6 || !Number.isInteger(maxTokens) || maxTokens < 1) {
  console.error(
    `--peers must be 1 to 6 and --max-tokens a positive whole number; got ${values.peers} and ${values['max-tokens']}.`,
  )
  process.exit(2)
}
if (values.engine !== undefined && values.engine !== 'webgpu' && values.engine !== 'wasm') {
  console.error(`--engine must be webgpu or wasm; got ${values.engine}.`)
  process.exit(2)
}
const say = (line: string): void => {
  if (!values.json) console.error(line)
}

if (values.cheat !== undefined) {
  if (values.cheat !== 'garbage') {
    console.error(`--cheat must be garbage; got ${values.cheat}.`)
    process.exit(2)
  }
  const demo = values.free ? (await import('./demo-cheat.ts')).demoCheat : (await import('./demo-slash.ts')).demoSlash
  console.log(JSON.stringify(await demo(values.pack, values.prompt, maxTokens, say)))
  process.exit(0)
}

const dataDir = values.free ? null : await mkdtemp(path.join(os.tmpdir(), 'computepool-demo-'))
say(`Starting the orchestrator and ${peers} headless tab${peers === 1 ? '' : 's'} …`)
try {
  const orchestrator = await startOrchestrator({
    host: '127.0.0.1',
    port: 0,
    packDir: values.pack,
    minSeats: peers,
    money: dataDir === null ? { mode: 'free' } : { mode: 'paid', chain: { kind: 'embedded' }, dataDir },
    onNotice: say,
  })
  try {
    const { url, money } = orchestrator
    const ring = await openRing({ url, peers, engine: values.engine ?? null, onStatus: say })
    try {
      say('The ring is ready. Asking …')
      const question = {
        model: ring.model,
        messages: [{ role: 'user', content: values.prompt }],
        max_tokens: maxTokens,
        temperature: 0,
      }
      if (money === null) console.log(JSON.stringify(figuresOf(await ask(url, question))))
      else {
        await money.ready
        const { reply, account } = await payForDemo(url, session => ask(url, question, session), say)
        console.log(JSON.stringify({ ...figuresOf(reply), ...account }))
      }
    } finally {
      await ring.close()
    }
  } finally {
    await orchestrator.close()
  }
} finally {
  if (dataDir !== null) await rm(dataDir, { recursive: true, force: true })
}

async function ask(url: string, question: object, token?: string): Promise<DemoReply> {
  const response = await fetch(new URL('/v1/chat/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(question),
  })
  const body = (await response.json()) as DemoReply
  if (!response.ok || body.error)
    throw new Error(`The request failed (${response.status}): ${body.error?.message ?? 'no reason given'}`)
  say(`\n${body.choices[0]?.message.content ?? ''}\n`)
  return body
}

function figuresOf({ choices, usage, computepool }: DemoReply) {
  const { tokensPerSecond, timeToFirstTokenMs, route, directHops } = computepool
  const text = choices[0]?.message.content ?? ''
  return { text, tokens: usage.completion_tokens, tokensPerSecond, timeToFirstTokenMs, route, directHops }
}

interface DemoReply {
  readonly error?: { readonly message: string }
  readonly choices: readonly { readonly message: { readonly content: string } }[]
  readonly usage: { readonly completion_tokens: number }
  readonly computepool: {
    readonly tokensPerSecond: number
    readonly timeToFirstTokenMs: number
    readonly route: readonly {
      readonly peer: string
      readonly layers: readonly [number, number]
      readonly engine: string
    }[]
    readonly directHops: number
  }
}
