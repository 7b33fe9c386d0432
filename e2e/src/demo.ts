/**
 * `npm run demo`: the whole product by itself. It starts the orchestrator on a free port, opens headless tabs that join as
 * operators, asks one question through the OpenAI endpoint, and prints one JSON object as its last line.
 */
import { parseArgs } from 'node:util'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { openRing } from '../harness/open-ring.ts'

const help = `Usage: npm run demo -- [--prompt TEXT] [--peers N] [--engine webgpu|wasm] [--pack DIR] [--max-tokens N] [--json]

Starts an orchestrator and N headless browser tabs, asks the question, prints the answer.
  --prompt TEXT     the question (default: "What is ComputePool?")
  --peers N         how many tabs share the model, 1 to 6 (default: 2)
  --engine KIND     force an engine; by default each tab measures and chooses
  --pack DIR        a model pack (default: the demo model)
  --max-tokens N    longest answer (default: 96)
  --json            print only the JSON object`

const { values } = parseArgs({
  options: {
    prompt: { type: 'string', default: 'What is ComputePool?' },
    peers: { type: 'string', default: '2' },
    engine: { type: 'string' },
    pack: { type: 'string', default: 'models/demo/pack' },
    'max-tokens': { type: 'string', default: '96' },
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

say(`Starting the orchestrator and ${peers} headless tab${peers === 1 ? '' : 's'} …`)
const orchestrator = await startOrchestrator({ host: '127.0.0.1', port: 0, packDir: values.pack, minSeats: peers })
try {
  const ring = await openRing({ url: orchestrator.url, peers, engine: values.engine ?? null, onStatus: say })
  try {
    say('The ring is ready. Asking …')
    const response = await fetch(new URL('/v1/chat/completions', orchestrator.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: ring.model,
        messages: [{ role: 'user', content: values.prompt }],
        max_tokens: maxTokens,
        temperature: 0,
      }),
    })
    const body = (await response.json()) as DemoReply
    if (!response.ok || body.error)
      throw new Error(`The request failed (${response.status}): ${body.error?.message ?? 'no reason given'}`)
    const text = body.choices[0]?.message.content ?? ''
    say(`\n${text}\n`)
    console.log(
      JSON.stringify({
        text,
        tokens: body.usage.completion_tokens,
        tokensPerSecond: body.computepool.tokensPerSecond,
        timeToFirstTokenMs: body.computepool.timeToFirstTokenMs,
        route: body.computepool.route,
        directHops: body.computepool.directHops,
      }),
    )
  } finally {
    await ring.close()
  }
} finally {
  await orchestrator.close()
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
