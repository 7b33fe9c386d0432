/**
 * `npm run bench -- <suite> [--json] [--quick]`: runs one suite and prints its report; the last line of stdout is one JSON object. A suite
 * that takes many minutes takes few where quick.
 */
import { parseArgs } from 'node:util'
import { type BenchReport, formatReport } from './bench-report.ts'

interface Suite {
  readonly about: string
  readonly load: () => Promise<(options: { readonly isQuick: boolean }) => Promise<BenchReport>>
}

const suites: Record<string, Suite> = {
  ring: {
    about:
      'one, two and three real tabs sharing a model of SmolLM2-135M’s shape (WASM engine): tokens/s, ratios, the hop’s cost',
    load: async () => (await import('./ring.ts')).runRingBench,
  },
  money: {
    about: 'first token paid against free, fifty sessions at once to the last unit, gas, delays on chain, start-up',
    load: async () => (await import('./money.ts')).runMoneyBench,
  },
  hop: {
    about: 'a 5 KB activation and its token back: loopback, WebRTC between nodes and to a tab, AXL’s stand-in',
    load: async () => (await import('./hop.ts')).runHopBench,
  },
  nodes: {
    about:
      'one, two and three headless nodes of one thread each sharing a model of SmolLM2-135M’s shape: tokens/s, ratios',
    load: async () => (await import('./nodes.ts')).runNodesBench,
  },
  guess: {
    about: 'guessing ahead on two nodes that are 50 ms apart: text that repeats itself, and text that does not',
    load: async () => (await import('./guess.ts')).runGuessBench,
  },
  pressure: {
    about:
      'native nodes under pressure: eight requests at once, a long prompt beside a decoding request, a second turn, killed nodes',
    load: async () => (await import('./pressure.ts')).runPressureBench,
  },
  distance: {
    about: 'two native nodes over an emulated line: delay, loss, pace; decoding plain and with drafts, long prompts',
    load: async () => (await import('./distance.ts')).runDistanceBench,
  },
  trust: {
    about:
      'what receipts cost in tokens/s and checks in engine time; how soon a check meets whoever cheats on a share of its steps',
    load: async () => (await import('./trust.ts')).runTrustBench,
  },
  engine: {
    about: 'milliseconds per layer on each engine of this machine; static against growing KV cache',
    load: async () => (await import('./engine.ts')).runEngineBench,
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const suite = suites[positionals[0] ?? '']
if (values.help || !suite) {
  console.log('Usage: npm run bench -- <suite> [--json] [--quick]\n')
  for (const [name, { about }] of Object.entries(suites)) console.log(`  ${name.padEnd(8)} ${about}`)
  process.exit(values.help ? 0 : 2)
}
const run = await suite.load()
const report = await run({ isQuick: values.quick })
if (!values.json) console.error(formatReport(report))
console.log(JSON.stringify(report))
process.exit(0)
