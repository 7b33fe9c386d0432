/** `computepool bridge`'s arguments and environment, as settings. It reads nothing but what it is given. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fromHere } from '../from-here.ts'
import { parseOrigin } from '../parse-origin.ts'
import { readOptions, usageOf } from '../read-options.ts'

export const bridgeHelp = `computepool bridge [URL]        pass data between tabs and nodes behind AXL

URL                 the orchestrator, also as --url. Default: COMPUTEPOOL_URL, or http://localhost:8080

--axl URL           the HTTP API of the AXL daemon that is this bridge's own (its api_port; no other
                    program may read from it). Default: COMPUTEPOOL_AXL, or http://127.0.0.1:9002
--no-axl            join tabs that cannot reach each other, and no AXL
--data DIR          the burner key. Default: COMPUTEPOOL_DATA, or ~/.computepool
--keystore FILE     the wallet key: a keystore file (version 3), with its password from
                    COMPUTEPOOL_KEYSTORE_PASSWORD or --password-file. Default: COMPUTEPOOL_NODE_KEY,
                    or a burner key that is made once in the data folder
--password-file F   a file that holds the keystore's password
--json              one JSON object a line, for programs
--help              this text

It holds no part of a model, and can neither read nor change what it passes on. On Ctrl-C or SIGTERM it
finishes what runs, for 60 s at most; a second one leaves at once.
Exit codes: 0 left, 1 failed, 2 wrong arguments, 3 refused by the orchestrator.`

export interface BridgeSettings {
  /** Origin of the orchestrator. */
  readonly url: string
  /** Null: no AXL. */
  readonly axlUrl: string | null
  readonly dataDir: string
  readonly keystorePath: string | undefined
  readonly passwordFile: string | undefined
}

export interface BridgeArguments {
  readonly isHelp: boolean
  readonly json: boolean
  readonly settings: BridgeSettings
}

const defaultUrl = 'http://localhost:8080'
const defaultAxlUrl = 'http://127.0.0.1:9002'

/** Errors: `input_invalid`, naming the argument. */
export function readBridgeArguments(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): BridgeArguments {
  const { values, positionals } = parse(args)
  const named = values.url === undefined ? positionals : [values.url, ...positionals]
  const [url = env.COMPUTEPOOL_URL || defaultUrl, ...more] = named
  if (more.length > 0) throw usage(`bridge takes one URL, and got "${more[0]}" too.`)
  if (values['no-axl'] && values.axl !== undefined) throw usage('--axl and --no-axl exclude each other.')
  const here = (path: string): string => fromHere(path, env)
  const { keystore, 'password-file': passwordFile } = values
  return {
    isHelp: values.help,
    json: values.json,
    settings: {
      url: originOf(url),
      axlUrl: values['no-axl'] ? null : originOf(values.axl ?? (env.COMPUTEPOOL_AXL || defaultAxlUrl)),
      dataDir: here(values.data || env.COMPUTEPOOL_DATA || join(homedir(), '.computepool')),
      keystorePath: keystore === undefined ? undefined : here(keystore),
      passwordFile: passwordFile === undefined ? undefined : here(passwordFile),
    },
  }
}

const parse = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      axl: { type: 'string' },
      'no-axl': { type: 'boolean', default: false },
      data: { type: 'string' },
      keystore: { type: 'string' },
      'password-file': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

function originOf(text: string): string {
  const origin = parseOrigin(text)
  if (origin !== null) return origin
  throw usage(`"${text}" is no http or https address.`)
}

const usage = usageOf('bridge')
