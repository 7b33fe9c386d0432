/** What the command line and the environment ask for, parsed once. Returns data; `main.ts` acts on it. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ComputePoolError } from '@computepool/shared/errors'
import type { DetachedHub, IceConfig } from '@computepool/signaling'
import { type AttestationSettings, attestationOf } from './attestation-settings.ts'
import type { InftSettings } from './inft/index.ts'
import { inftOf } from './inft-settings.ts'
import { type MoneyChoice, moneyChoiceOf } from './money-settings.ts'
import type { ZerogSettings } from './zerog-compute/index.ts'
import { zerogOf } from './zerog-settings.ts'

export const help = `Usage: npm start -- [options]

Serves a language model whose layers are held by browser tabs: the page, an OpenAI endpoint, and signaling, on one origin.

  --port N            port (default: 8080, or the next free one)
  --host ADDRESS      address to listen on (default: 127.0.0.1; 0.0.0.0 for other machines)
  --model SOURCE      pack this model once, then serve it: a folder, a .gguf, a URL, or hf:owner/name
  --quantisation Q    of --model: q4, q8, f16 or f32 (default: q8)
  --pack DIR          serve this pack (default: the demo model)
  --seats N           fewest tabs that share the model (default: 2, so that you see it split; 1 lets one tab hold it all)
  --context N         most tokens of prompt and answer together (default: 4096, or what the model has)
  --public-url URL    origin under which people reach it, behind a proxy that sets X-Forwarded-For;
                      tabs and nodes outside this network sign in to no other
  --signaling URL     use the signaling hub that runs there instead of one in this process (key: COMPUTEPOOL_SIGNALING_KEY)
  --free              give answers away: no chain is started and nothing is paid
  --price USD         dollars a minute of one running answer, of new sessions (default: as posted; 0.03 at first)
  --chain NAME        embedded (default: a chain of its own with test money), 0g-galileo, 0g-mainnet, or an RPC's URL
  --keeper-url URL    let KeeperHub there run the workflows, with KEEPERHUB_API_KEY (default: they run in this process)
  --stake USD         dollars that each operator puts at stake (default: 5 on a chain of its own, else 0: unstaked)
  --private           only the owner of the pool's token, and whom it authorises, may ask
  --pool-token ID     the token that is this pool's (default: on a chain of its own one is minted; elsewhere none)
  --system-prompt FILE  words put before each conversation, which no answer of the API shows; the token holds them sealed
  --storage URL       0G Storage's indexer, with COMPUTEPOOL_STORAGE_KEY (default: a stand-in, on a chain of its own)
  --auditors N        auditors that run beside it and compute others' work again (default: 3; 0: none)
  --challenge MIN     minutes without an answer after which a ring is checked by a request of the pool's own (default: 10; 0: never)
  --attestation KIND  what vouches for this process: none, simulated, tdx-dstack (in a dstack CVM) or sgx-gramine
                      (default: simulated on a chain of its own, else none; it covers the orchestrator and no tab)
  --zerog-provider CHAIN  serve 0G Compute's clients too, as a registered provider: 0g-galileo, 0g-mainnet or an RPC's URL
                      (key: COMPUTEPOOL_ZEROG_KEY; everybody else pays on --chain, which has to be a real one too, or --free; see docs/zerog.md)
  --zerog-contract A  0G Compute's serving contract there (default: 0G's own)
  --zerog-cut PERCENT  of what 0G's users pay, the provider's own; operators who served get the rest, less gas (default: 0)
  --zerog-payout-at C  an operator is paid when it is owed so many 0G (default: 0.01)
  --data DIR          where chain, keys and ledger are kept (default: .computepool beside the code)
  --help              this text

Environment: COMPUTEPOOL_STUN_URLS, COMPUTEPOOL_TURN_URLS (comma-separated), COMPUTEPOOL_TURN_SECRET (coturn's static-auth-secret),
COMPUTEPOOL_CORS_ORIGINS (comma-separated; default: any), COMPUTEPOOL_HUB_URL and HF_TOKEN (for hf: sources),
COMPUTEPOOL_SIGNALING_URL and COMPUTEPOOL_SIGNALING_KEY (a hub of its own, and the private key that attaches this orchestrator to it),
COMPUTEPOOL_CACHE (folder of the packs that --model made; default: .computepool/packs beside the code), COMPUTEPOOL_DATA (as --data),
COMPUTEPOOL_METRICS_TOKEN (Bearer token that may read /metrics from other machines; 16 characters or more),
COMPUTEPOOL_STORAGE_KEY (pays 0G Storage, with --storage; COMPUTEPOOL_STORAGE_FLOW: another contract than 0G's own,
COMPUTEPOOL_STORAGE_MOST_WEI: the most that is paid for 256 bytes), DATABASE_URL (PostgreSQL for the ledger);
for other chains COMPUTEPOOL_SETTLER_KEY, COMPUTEPOOL_KEEPER_KEY, COMPUTEPOOL_OWNER_KEY (to deploy),
COMPUTEPOOL_ACCUSER_KEY (puts a bond at stake for what the pool convicts operators of) and COMPUTEPOOL_RPC_URL;
COMPUTEPOOL_ALLOW_SIMULATED_ATTESTATION=1 (lets NODE_ENV=production simulate attestation).`

export interface Settings {
  readonly isHelp: boolean
  readonly port: number
  /** True where the port was asked for by number: then no other will do. */
  readonly isPortFixed: boolean
  readonly host: string
  readonly model: string | null
  readonly quantisation: 'q4' | 'q8' | 'f16' | 'f32'
  readonly packDir: string | null
  readonly minSeats: number
  readonly maxContext: number | null
  readonly publicUrl: string | null
  readonly corsOrigins: readonly string[] | '*'
  /** May read the metrics from other machines; null: the owner alone may. */
  readonly metricsToken: string | null
  readonly ice: IceConfig
  /** A hub of its own; null: one in this process. */
  readonly signaling: DetachedHub | null
  readonly hubUrl: string | undefined
  readonly hubToken: string | undefined
  /** Folder of the packs that `--model` made; null: the one in the repository. */
  readonly cacheDir: string | null
  readonly money: MoneyChoice
  readonly attestation: AttestationSettings
  /** Null: no provider of 0G Compute. */
  readonly zerog: ZerogSettings | null
  /** The pool as a token; null: it is none. */
  readonly inft: InftSettings | null
  /** File with the words put before each conversation. */
  readonly systemPromptFile: string | null
  /** Auditors that run beside the orchestrator. */
  readonly auditors: number
  /** How long a ring answers nothing before it is challenged; null: for ever. */
  readonly challengeEveryMs: number | null
  /** Folder of chain, keys and ledger; null: the one in the repository. */
  readonly dataDir: string | null
}

/** TURN credentials live for a working day; a tab that stays gets new ones at half of that. */
const turnLifetimeSeconds = 8 * 3600

/** Errors: `input_invalid` with the option's name. */
export function parseSettings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const values = readArgs(args)
  const turnUrls = listOf(environment.COMPUTEPOOL_TURN_URLS)
  const secret = environment.COMPUTEPOOL_TURN_SECRET ?? ''
  if (turnUrls.length > 0 && secret === '') {
    throw invalid('COMPUTEPOOL_TURN_SECRET', 'COMPUTEPOOL_TURN_URLS is set, but COMPUTEPOOL_TURN_SECRET is not.')
  }
  const corsOrigins = listOf(environment.COMPUTEPOOL_CORS_ORIGINS)
  const quantisation = values.quantisation ?? 'q8'
  if (!isQuantisation(quantisation)) throw invalid('--quantisation', `"${quantisation}" is not q4, q8, f16 or f32.`)
  if (values.model !== undefined && values.pack !== undefined) {
    throw invalid('--pack', '--model and --pack were both given.')
  }
  const money = moneyChoiceOf(values, environment)
  const dataDir = values.data ?? environment.COMPUTEPOOL_DATA
  return {
    isHelp: values.help ?? false,
    port: values.port === undefined ? 8080 : wholeNumber('--port', values.port, 0, 65_535),
    isPortFixed: values.port !== undefined,
    host: values.host ?? '127.0.0.1',
    model: values.model === undefined ? null : fromHere(values.model, environment),
    quantisation,
    packDir: values.pack === undefined ? null : fromHere(values.pack, environment),
    minSeats: values.seats === undefined ? 2 : wholeNumber('--seats', values.seats, 1, 64),
    maxContext: values.context === undefined ? null : wholeNumber('--context', values.context, 16, 1_000_000),
    publicUrl: values['public-url'] === undefined ? null : originOf('--public-url', values['public-url']),
    corsOrigins: corsOrigins.length === 0 ? '*' : corsOrigins,
    metricsToken: metricsTokenOf(environment.COMPUTEPOOL_METRICS_TOKEN),
    ice: {
      stunUrls: listOf(environment.COMPUTEPOOL_STUN_URLS),
      turn: turnUrls.length === 0 ? null : { urls: turnUrls, secret, lifetimeSeconds: turnLifetimeSeconds },
    },
    signaling: signalingOf(values.signaling, environment),
    hubUrl: environment.COMPUTEPOOL_HUB_URL,
    hubToken: environment.HF_TOKEN,
    cacheDir: environment.COMPUTEPOOL_CACHE ? fromHere(environment.COMPUTEPOOL_CACHE, environment) : null,
    money,
    attestation: attestationOf(values.attestation, money.chain?.kind === 'embedded', environment),
    zerog: zerogOf(values, money.chain, environment),
    inft: inftOf(values, money.chain, environment),
    systemPromptFile: values['system-prompt'] === undefined ? null : fromHere(values['system-prompt'], environment),
    auditors: values.auditors === undefined ? 3 : wholeNumber('--auditors', values.auditors, 0, 16),
    challengeEveryMs: challengeEveryMsOf(values.challenge),
    dataDir: dataDir ? fromHere(dataDir, environment) : null,
  }
}

function readArgs(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: text,
        host: text,
        model: text,
        quantisation: text,
        pack: text,
        seats: text,
        context: text,
        'public-url': text,
        signaling: text,
        free: { type: 'boolean' },
        price: text,
        chain: text,
        'keeper-url': text,
        stake: text,
        private: { type: 'boolean' },
        'pool-token': text,
        'system-prompt': text,
        storage: text,
        auditors: text,
        challenge: text,
        attestation: text,
        'zerog-provider': text,
        'zerog-contract': text,
        'zerog-cut': text,
        'zerog-payout-at': text,
        data: text,
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (cause) {
    throw invalid('options', cause instanceof Error ? cause.message : String(cause))
  }
}

function challengeEveryMsOf(minutes = '10'): number | null {
  const everyMs = wholeNumber('--challenge', minutes, 0, 1440) * 60_000
  return everyMs === 0 ? null : everyMs
}

function signalingOf(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): DetachedHub | null {
  const url = option ?? (environment.COMPUTEPOOL_SIGNALING_URL || undefined)
  if (url === undefined) return null
  const deskKey = environment.COMPUTEPOOL_SIGNALING_KEY ?? ''
  // The key itself is never repeated: messages end up in logs.
  if (!isPrivateKey(deskKey)) {
    throw invalid('COMPUTEPOOL_SIGNALING_KEY', 'COMPUTEPOOL_SIGNALING_KEY must be a private key: 0x and 64 hex digits.')
  }
  return { url: originOf('--signaling', url), deskKey }
}

function metricsTokenOf(token: string | undefined): string | null {
  if (token === undefined || token === '') return null
  if (/^[\x21-\x7e]{16,512}$/.test(token)) return token
  throw invalid(
    'COMPUTEPOOL_METRICS_TOKEN',
    'COMPUTEPOOL_METRICS_TOKEN must have 16 to 512 characters, none of them a blank.',
  )
}

const isPrivateKey = (text: string): text is `0x${string}` => /^0x[0-9a-f]{64}$/i.test(text)

/** npm runs scripts in the repository's root; paths are meant from where the person stands. */
function fromHere(source: string, environment: Readonly<Record<string, string | undefined>>): string {
  return /^(hf:|https?:\/\/)/i.test(source) ? source : resolve(environment.INIT_CWD ?? '.', source)
}

const listOf = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw invalid(option, `${option} is "${text}"; it must be a whole number from ${least} to ${most}.`)
}

function originOf(option: string, text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text).origin
  throw invalid(option, `${option} is "${text}"; it must be like https://pool.example.org.`)
}

const isQuantisation = (value: string): value is Settings['quantisation'] => ['q4', 'q8', 'f16', 'f32'].includes(value)

const invalid = (param: string, message: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'See `npm start -- --help`.', context: { param } })
