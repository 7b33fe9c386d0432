/** `computepool auditor`'s arguments and environment, as settings. It reads nothing but what it is given, and the machine's free memory. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { NativeProvider } from '../engine/native-runtime.ts'
import { fromHere } from '../from-here.ts'
import type { NodeSettings } from '../operator/node-settings.ts'
import { parseSize } from '../operator/parse-size.ts'
import { availableMemoryBytes, leastMemoryBytes, memoryShare } from '../operator/this-machine.ts'
import { parseOrigin } from '../parse-origin.ts'
import { readOptions, usageOf } from '../read-options.ts'

export const auditorHelp = `computepool auditor --url URL   compute others' work of a pool again

--url URL           the orchestrator. Default: COMPUTEPOOL_URL, or http://localhost:8080
--count N           auditors in this process, each with a wallet of its own. Default: as many
                    as there are keys, or 1
--key-file FILE     their keys, one a line. Default: COMPUTEPOOL_AUDITOR_KEYS, separated by
                    spaces or commas, or burner keys that are made once in the data folder.
                    Keys that are given vote on disputes where they are registered auditors
                    (COMPUTEPOOL_RPC_URL: the chain's endpoint. Default: what the pool says)
--keeper-url URL    a KeeperHub, like https://app.keeperhub.com/api: each of those keys votes by
                    runs of an organisation of its own there, whose keys KEEPERHUB_API_KEY
                    holds in the same order. Default: none, and the pool relays their votes.
                    It wants COMPUTEPOOL_RPC_URL and --registry: each run costs its organisation
                    gas, and a pool's word is not enough for that. At most 200 runs a day for each
--registry ADDRESS  with --keeper-url: the registry of coalitions (Coalition) where those runs
                    vote; may be given several times. Votes at any other go by the pool's relay
--memory SIZE       most memory for weights and caches of all of them, e.g. 2GB.
                    Default: half of what is free
--threads N         threads of one operator of the runtime. Default: what it chooses
--engine NAME       cpu, webgpu or cuda. Default: the fastest of those that run here
--data DIR          slices and burner keys. Default: COMPUTEPOOL_DATA, or ~/.computepool
--drain-seconds N   on SIGTERM or Ctrl-C, longest time to finish what runs. Default: 60
--json              one JSON object a line, for programs
--help              this text

A second Ctrl-C leaves at once. Exit codes: 0 left, 1 failed, 2 wrong arguments, 3 refused by the orchestrator.`

export interface AuditorArguments {
  readonly command: 'run' | 'help'
  readonly json: boolean
  readonly settings: NodeSettings
  readonly count: number | null
  readonly keyFile: string | undefined
  /** Where the auditors' organisations are, with a key for each; null: the pool relays their votes. */
  readonly keeper: AuditorKeepers | null
}

export interface AuditorKeepers {
  readonly url: string
  /** Of the first auditors, in their order. */
  readonly apiKeys: readonly string[]
  /** Where their runs vote: addresses, lower case. */
  readonly registries: readonly string[]
}

const providers: readonly string[] = ['cpu', 'webgpu', 'cuda'] satisfies NativeProvider[]
const mostAuditors = 16

/** Errors: `input_invalid`, naming the argument. */
export function readAuditorArguments(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  availableBytes = availableMemoryBytes(),
): AuditorArguments {
  const { values, positionals } = parse(args)
  if (positionals.length > 0) throw usage(`auditor takes no argument "${positionals[0]}".`)
  const { engine = null } = values
  if (engine !== null && !providers.includes(engine)) throw usage(`--engine is "${engine}".`)
  const url = values.url ?? (env.COMPUTEPOOL_URL || 'http://localhost:8080')
  const origin = parseOrigin(url)
  if (origin === null) throw usage(`"${url}" is no http or https address.`)
  const { memory } = values
  const memoryBudgetBytes =
    memory === undefined ? Math.floor(availableBytes * memoryShare) : parseSize(memory, '--memory')
  if (memoryBudgetBytes < leastMemoryBytes && !values.help)
    throw usage(`Less than ${leastMemoryBytes / 1e6} MB of memory hold no layer.`)
  const here = (path: string): string => fromHere(path, env)
  return {
    command: values.help ? 'help' : 'run',
    json: values.json,
    count: values.count === undefined ? null : wholeNumber(values.count, '--count', 1, mostAuditors),
    keyFile: values['key-file'] === undefined ? undefined : here(values['key-file']),
    keeper: keepersOf(values['keeper-url'], values.registry ?? [], env),
    settings: {
      url: origin,
      dataDir: here(values.data || env.COMPUTEPOOL_DATA || join(homedir(), '.computepool')),
      memoryBudgetBytes,
      threads: wholeNumber(values.threads, '--threads', 0, 1024),
      engine: engine as NativeProvider | null,
      axlUrl: null,
      usesWebRtc: true,
      keystorePath: undefined,
      passwordFile: undefined,
      drainMs: wholeNumber(values['drain-seconds'], '--drain-seconds', 0, 86_400) * 1000,
    },
  }
}

const parse = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      count: { type: 'string' },
      'key-file': { type: 'string' },
      'keeper-url': { type: 'string' },
      registry: { type: 'string', multiple: true },
      memory: { type: 'string' },
      threads: { type: 'string', default: '0' },
      engine: { type: 'string' },
      data: { type: 'string' },
      'drain-seconds': { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

/** Keys are never repeated. */
function keepersOf(
  url: string | undefined,
  registries: readonly string[],
  { KEEPERHUB_API_KEY: given, COMPUTEPOOL_RPC_URL: rpcUrl }: Readonly<Record<string, string | undefined>>,
): AuditorKeepers | null {
  if (url === undefined) {
    if (registries.length > 0) throw usage('--registry was given without --keeper-url.')
    return null
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw usage('--keeper-url must be like https://app.keeperhub.com/api.')
  const apiKeys = (given ?? '').split(/[\s,]+/).filter(text => text !== '')
  if (apiKeys.length === 0) throw usage('--keeper-url was given, but KEEPERHUB_API_KEY is not set.')
  if (apiKeys.some(key => !/^[\x21-\x7e]{1,512}$/.test(key))) throw usage('A key in KEEPERHUB_API_KEY is none.')
  if (new Set(apiKeys).size < apiKeys.length)
    throw usage('A key stands twice in KEEPERHUB_API_KEY: each auditor votes from an organisation of its own.')
  const wrong = registries.find(text => !/^0x[0-9a-f]{40}$/i.test(text))
  if (wrong !== undefined) throw usage(`--registry is "${wrong}": it must be a contract's address.`)
  // An organisation pays for every run: where, the pool alone does not say.
  if (registries.length === 0) throw usage('--keeper-url was given without --registry: the registry to vote at.')
  if (!rpcUrl) throw usage('--keeper-url was given, but COMPUTEPOOL_RPC_URL is not set: an endpoint of that chain.')
  return { url: url.replace(/\/$/, ''), apiKeys, registries: registries.map(text => text.toLowerCase()) }
}

function wholeNumber(text: string, option: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw usage(`${option} is "${text}": it must be a whole number from ${least} to ${most}.`)
}

const usage = usageOf('auditor')
