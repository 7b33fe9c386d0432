/** Reads `computepool deploy`'s arguments and environment, and prints what came of it. What is deployed it leaves to others. */
import { fileURLToPath } from 'node:url'
import { ComputePoolError } from '@computepool/shared/errors'
import { deployChain, describeDeployed } from './deploy-chain.ts'
import { fromHere } from './from-here.ts'
import { readOptions, usageOf } from './read-options.ts'

const HELP = `computepool deploy --chain embedded|0g-galileo|0g-mainnet|URL

Puts what payments need on a chain: Superfluid, a USDC for tests, its streaming wrapper and, for a model, its vault; where it has
auditors, the registry of coalitions with stakes; and, asked for, pools as tokens (ERC-7857).
What is there already is found and not sent again; if a run stops half-way, run the same command again.

--chain NAME    embedded (this machine's own), 0g-galileo, 0g-mainnet (needs --usdc), or the URL of an RPC endpoint
--rpc URL       another endpoint for 0g-galileo or 0g-mainnet
--dry-run       say step by step what is missing and what it would cost; send nothing
--try           stream a little test money through it at the end, and count it (costs gas)
--model NAME    also put this model's vault there
--price N       its price: millionths of a USDC per second and running request. Default: 1000
--reserve N     fill its reserve to this many millionths of a USDC. Default: 0
--auditors LIST also put the registry of coalitions there, with these auditors (addresses, commas between them).
                Default: on the embedded chain, with --model, three whose keys come from the owner's; elsewhere none
--quorum N      how many of them must agree. Default: more than half
--treasury ADDR gets the dust of a new registry's slashes. Default: the owner
--inft          also put the token contract of pools there, with its verifier
--oracle O      whose re-encryptions count: ADDRESS,MEASUREMENT[,URI]; as often as there are oracles. Implies --inft
--takes-simulated  the verifier takes simulated oracles, and those named here are; for good, and for tests
--verify-sources  show the chain's explorer the source of each contract afterwards
--explorer URL  its API, where it is another than the chain's own
--usdc ADDRESS  a USDC with EIP-3009 that is there already. Default: make one for tests
--liquidation N seconds of a stream that are kept as buffer. Default: 60
--data DIR      where manifests lie. Default: COMPUTEPOOL_DATA, or .computepool beside the code
--json          one JSON object a line
--help          this text

Keys come from the environment: COMPUTEPOOL_OWNER_KEY, and with --model COMPUTEPOOL_SETTLER_KEY and COMPUTEPOOL_KEEPER_KEY.
The embedded chain has its own. COMPUTEPOOL_EXPLORER_KEY: for explorers that ask for one.`

const defaultDataDir = fileURLToPath(new URL('../../.computepool', import.meta.url))

export async function deployCommand(args: readonly string[]): Promise<void> {
  const values = readArguments(args)
  if (values.help) {
    console.log(HELP)
    return
  }
  if (values.chain === undefined) throw usage('--chain is missing.')
  const stop = new AbortController()
  process.once('SIGINT', () =>
    stop.abort(new ComputePoolError('input_invalid', 'Stopped.', { remedy: 'Run the same command again to go on.' })),
  )
  const deployed = await deployChain({
    chain: values.chain,
    rpcUrl: values.rpc,
    dataDir: fromHere(values.data ?? process.env.COMPUTEPOOL_DATA ?? defaultDataDir),
    environment: process.env,
    isDryRun: values['dry-run'],
    isTriedOut: values.try,
    liquidationPeriodSeconds: Number(wholeNumber(values.liquidation, '--liquidation', 10n, 86_400n)),
    usdc: values.usdc,
    model: values.model,
    pricePerSecondAtomic: wholeNumber(values.price, '--price', 1n, 1_000_000_000n),
    reserveAtomic: wholeNumber(values.reserve, '--reserve', 0n, 10n ** 15n),
    auditors: values.auditors,
    quorum: values.quorum === undefined ? undefined : Number(wholeNumber(values.quorum, '--quorum', 1n, 32n)),
    treasury: values.treasury,
    inft: inftOf(values),
    sources: values['verify-sources']
      ? { explorerUrl: values.explorer, apiKey: process.env.COMPUTEPOOL_EXPLORER_KEY }
      : undefined,
    signal: stop.signal,
    onProgress(progress) {
      if (values.json) console.log(JSON.stringify({ type: 'step', ...progress }))
      else if (progress.sent) process.stderr.write(`${progress.done}/${progress.total} ${progress.step}\n`)
    },
    onVerdict({ contract, state }) {
      if (!values.json) process.stderr.write(`source of ${contract}: ${state}\n`)
    },
  })
  // What was deployed stays; a script may want to ask again for what an explorer refused.
  if (deployed.sources?.some(({ state }) => state === 'failed')) process.exitCode = 1
  console.log(
    values.json ? JSON.stringify({ type: 'deployed', ...deployed }, bigintAsText) : describeDeployed(deployed),
  )
}

const readArguments = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    options: {
      chain: { type: 'string' },
      rpc: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      try: { type: 'boolean', default: false },
      model: { type: 'string' },
      price: { type: 'string', default: '1000' },
      reserve: { type: 'string', default: '0' },
      auditors: { type: 'string' },
      quorum: { type: 'string' },
      treasury: { type: 'string' },
      inft: { type: 'boolean', default: false },
      oracle: { type: 'string', multiple: true, default: [] },
      'verify-sources': { type: 'boolean', default: false },
      explorer: { type: 'string' },
      'takes-simulated': { type: 'boolean', default: false },
      usdc: { type: 'string' },
      liquidation: { type: 'string', default: '60' },
      data: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  }).values

function inftOf(values: ReturnType<typeof readArguments>) {
  const takesSimulated = values['takes-simulated']
  if (values.inft || values.oracle.length > 0) return { oracles: values.oracle, takesSimulated }
  if (takesSimulated) throw usage('--takes-simulated is of --inft, which is missing.')
  return undefined
}

function wholeNumber(value: string, option: string, least: bigint, most: bigint): bigint {
  const number = /^\d{1,20}$/.test(value) ? BigInt(value) : undefined
  if (number !== undefined && number >= least && number <= most) return number
  throw usage(`${option} is "${value}"; it must be a whole number from ${least} to ${most}.`)
}

const usage = usageOf('deploy')

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
