/** The part of the settings that is about the pool’s token: parsed from options and environment, nothing opened. Keys are never repeated. */
import { readFile } from 'node:fs/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import type { InftSettings } from './inft/index.ts'
import type { ChainChoice } from './payments/money-chain.ts'
import type { RunningOrchestrator } from './serve.ts'
import { storageLimitsOf } from './storage0g/index.ts'

export interface InftValues {
  readonly private?: boolean | undefined
  readonly 'pool-token'?: string | undefined
  readonly storage?: string | undefined
}

/** Null where the pool is no token. Errors: `input_invalid` with the option's name. */
export function inftOf(
  values: InftValues,
  chain: ChainChoice | null,
  environment: Readonly<Record<string, string | undefined>>,
): InftSettings | null {
  const isPrivate = values.private ?? false
  const id = values['pool-token']
  if (chain === null) {
    const stray = isPrivate ? 'private' : (['pool-token', 'storage'] as const).find(name => values[name] !== undefined)
    if (stray === undefined) return null
    throw invalid(`--${stray}`, `--free and --${stray} were both given: a token needs a chain.`)
  }
  if (id !== undefined && !/^[1-9]\d{0,77}$/.test(id)) {
    throw invalid('--pool-token', `--pool-token is "${id}"; it must be a token's number.`)
  }
  const storage = storageOf(values.storage, environment)
  if (chain.kind === 'foreign' && id === undefined) {
    if (!isPrivate && storage === undefined) return null
    const option = isPrivate ? '--private' : '--storage'
    throw invalid(option, `${option} needs the pool's token here (--pool-token): none is minted by itself.`)
  }
  return { isPrivate, tokenId: id === undefined ? null : BigInt(id), storage }
}

function storageOf(
  url: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): InftSettings['storage'] {
  if (url === undefined) return undefined
  // Not repeated: an endpoint's address may carry a key.
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw invalid('--storage', '--storage must be the address of a 0G Storage indexer, with http:// or https://.')
  }
  const privateKey = environment.COMPUTEPOOL_STORAGE_KEY ?? ''
  if (/^0x[0-9a-f]{64}$/i.test(privateKey)) {
    return { indexerUrl: url, privateKey: privateKey as Hex, limits: storageLimitsOf(environment) }
  }
  throw invalid('COMPUTEPOOL_STORAGE_KEY', 'COMPUTEPOOL_STORAGE_KEY must be a private key: 0x and 64 hex digits.')
}

/** As much as a token's intelligence takes. */
const mostPromptChars = 32_768

/** The words that are put before each conversation; empty without a file. They are in no error. */
export async function readSystemPrompt(file: string | null): Promise<string> {
  if (file === null) return ''
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid('--system-prompt', `${file} cannot be read.`, cause)
  })
  const prompt = text.trim()
  if (prompt !== '' && prompt.length <= mostPromptChars) return prompt
  throw invalid('--system-prompt', `${file} has ${prompt.length} characters; from 1 to ${mostPromptChars} are taken.`)
}

/** What the person at the terminal is told of it, once it is there; null where there is nothing to tell. */
export async function tellInft({ inft, url }: Pick<RunningOrchestrator, 'inft' | 'url'>): Promise<string | null> {
  if (inft === null) return null
  const tokenId = await inft.ready
  if (tokenId === null) return null
  const who = inft.isPrivate
    ? 'private: its owner, and whom the owner authorises, may ask'
    : 'anybody may ask; --private would leave it to its owner and whom the owner authorises'
  return `  Token     ${tokenId} at ${url}/api/inft (${who})`
}

const invalid = (param: string, message: string, cause?: unknown): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'See `npm start -- --help`.', context: { param }, cause })
