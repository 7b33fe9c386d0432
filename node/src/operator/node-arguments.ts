/** `computepool node`'s arguments and environment, as settings. It reads nothing but what it is given, and the machine's free memory. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { NativeProvider } from '../engine/native-runtime.ts'
import { fromHere } from '../from-here.ts'
import { parseOriginalTail } from '../original/original-tail.ts'
import { parseOrigin } from '../parse-origin.ts'
import { readOptions, usageOf } from '../read-options.ts'
import type { NodeSettings } from './node-settings.ts'
import { parseSize, sizeInWords } from './parse-size.ts'
import { availableMemoryBytes, leastMemoryBytes, memoryShare } from './this-machine.ts'

export const nodeHelp = `computepool node [URL]          serve layers of the pool's model from this machine
computepool node doctor [URL]   say what this machine can do, and what is missing

URL                 the orchestrator. Default: COMPUTEPOOL_URL, or http://localhost:8080

--memory SIZE       most memory for weights and caches, e.g. 6GB. Default: half of what is free
--threads N         threads of one operator. Default: what the runtime chooses
--engine NAME       cpu, webgpu or cuda. Default: the fastest of those that run here
--data DIR          slices and the burner key. Default: COMPUTEPOOL_DATA, or ~/.computepool
--axl URL           be reached through the AXL daemon at URL, and by nothing else
--webrtc            with --axl: by WebRTC too
--original-tail K@A-B  with --axl: where the slice reaches the end of the model, layers A to B are
                    computed by a peer of the original ComputePool behind the daemon with key K
--keystore FILE     the wallet key: a keystore file (version 3), with its password from
                    COMPUTEPOOL_KEYSTORE_PASSWORD or --password-file. Default: COMPUTEPOOL_NODE_KEY,
                    or a burner key that is made once in the data folder
--password-file F   a file that holds the keystore's password
--most-stake USD    most that its key stakes within a day where the pool asks for stakes, whole USDC; 0: none. Default: 25
--drain-seconds N   on SIGTERM or Ctrl-C, longest time to finish what runs. Default: 60
--json              one JSON object a line, for programs
--help              this text

A second Ctrl-C leaves at once. Exit codes: 0 left, 1 failed, 2 wrong arguments, 3 refused by the orchestrator,
4 refused the layers that it was dealt.`

export interface NodeArguments {
  readonly command: 'serve' | 'doctor' | 'help'
  readonly json: boolean
  readonly settings: NodeSettings
}

const providers: readonly string[] = ['cpu', 'webgpu', 'cuda'] satisfies NativeProvider[]
const defaultUrl = 'http://localhost:8080'
const longestDrainSeconds = 86_400

/** Errors: `input_invalid`, naming the argument. */
export function readNodeArguments(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  availableBytes = availableMemoryBytes(),
): NodeArguments {
  const { values, positionals } = parse(args)
  const [first, ...rest] = positionals
  const isDoctor = first === 'doctor'
  const [url = env.COMPUTEPOOL_URL || defaultUrl, ...more] = isDoctor ? rest : positionals
  if (more.length > 0) throw usage(`node takes one URL, and got "${more[0]}" too.`)
  const here = (path: string): string => fromHere(path, env)
  const { engine = null, axl, keystore, 'password-file': passwordFile, 'original-tail': tail } = values
  if (engine !== null && !providers.includes(engine)) throw usage(`--engine is "${engine}".`)
  if (tail !== undefined && axl === undefined)
    throw usage('--original-tail needs --axl: such a peer is reached by AXL only.')
  return {
    command: values.help ? 'help' : isDoctor ? 'doctor' : 'serve',
    json: values.json,
    settings: {
      url: originOf(url),
      dataDir: here(values.data || env.COMPUTEPOOL_DATA || join(homedir(), '.computepool')),
      memoryBudgetBytes: memoryOf(values.memory, availableBytes, isDoctor || values.help),
      threads: wholeNumber(values.threads ?? '0', '--threads', 0, 1024),
      engine: engine as NativeProvider | null,
      axlUrl: axl === undefined ? null : originOf(axl),
      usesWebRtc: axl === undefined || values.webrtc,
      originalTail: tail === undefined ? null : parseOriginalTail(tail),
      keystorePath: keystore === undefined ? undefined : here(keystore),
      passwordFile: passwordFile === undefined ? undefined : here(passwordFile),
      ...keptFramesOf(env.COMPUTEPOOL_KEPT_BYTES),
      mostStakeAtomic: BigInt(wholeNumber(values['most-stake'], '--most-stake', 0, 1_000_000)) * 1_000_000n,
      drainMs: wholeNumber(values['drain-seconds'], '--drain-seconds', 0, longestDrainSeconds) * 1000,
    },
  }
}

const parse = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      memory: { type: 'string' },
      threads: { type: 'string' },
      engine: { type: 'string' },
      data: { type: 'string' },
      axl: { type: 'string' },
      webrtc: { type: 'boolean', default: false },
      'original-tail': { type: 'string' },
      keystore: { type: 'string' },
      'password-file': { type: 'string' },
      'most-stake': { type: 'string', default: '25' },
      'drain-seconds': { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

function originOf(text: string): string {
  const origin = parseOrigin(text)
  if (origin !== null) return origin
  throw usage(`"${text}" is no http or https address.`)
}

/** The doctor takes what there is, and says itself that it is too little. */
function memoryOf(text: string | undefined, availableBytes: number, takesAny: boolean): number {
  const bytes = text === undefined ? Math.floor(availableBytes * memoryShare) : parseSize(text, '--memory')
  if (bytes >= leastMemoryBytes || (text === undefined && takesAny)) return bytes
  const says = text === undefined ? `Half of the memory that is free is ${sizeInWords(bytes)}` : `--memory is ${text}`
  throw usage(`${says}: less than ${leastMemoryBytes / 1e6} MB hold no layer.`)
}

/** For runs that watch memory: what is soon full does not look like a leak. */
function keptFramesOf(text: string | undefined): Pick<NodeSettings, 'keptFramesBytes'> {
  if (!text) return {}
  const keptFramesBytes = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (keptFramesBytes > 0 && Number.isSafeInteger(keptFramesBytes)) return { keptFramesBytes }
  throw new ComputePoolError('input_invalid', `COMPUTEPOOL_KEPT_BYTES is "${text}", which is no size.`, {
    remedy: 'Set it to a whole number of bytes, such as 67108864, or do not set it at all.',
    context: { param: 'COMPUTEPOOL_KEPT_BYTES' },
  })
}

function wholeNumber(text: string, option: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw usage(`${option} is "${text}": it must be a whole number from ${least} to ${most}.`)
}

const usage = usageOf('node')
