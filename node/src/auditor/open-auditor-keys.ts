/** The wallet keys of auditors: from a file, from the environment, or burner keys made once in the data folder. No secret is printed. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import type { PeerKey } from '@computepool/peer/runtime/peer-powers.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import { onDisk } from '../pack/disk-errors.ts'
import { openNodeKey } from '../wallet/open-node-key.ts'

export interface AuditorKeysOptions {
  /** Null: as many as there are keys, or one burner. */
  readonly count: number | null
  readonly keyFile: string | undefined
  readonly dataDir: string
  /** COMPUTEPOOL_AUDITOR_KEYS is read from it. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly onNotice?: (text: string) => void
}

export interface AuditorKeys {
  readonly keys: readonly PeerKey[]
  /** Of keys that were given, which may be registered as auditors on a chain: a burner is nobody there. */
  readonly secrets: readonly Hex[]
  /** In words. */
  readonly source: string
}

/** Errors: `input_invalid` for what is no key, and for fewer keys than `count`; `input_not_found`. */
export async function openAuditorKeys(options: AuditorKeysOptions): Promise<AuditorKeys> {
  const { count, keyFile, dataDir, env, onNotice = () => {} } = options
  const given =
    keyFile === undefined ? env.COMPUTEPOOL_AUDITOR_KEYS : await onDisk(keyFile, () => readFile(keyFile, 'utf8'))
  const source = keyFile === undefined ? 'COMPUTEPOOL_AUDITOR_KEYS' : `the file ${keyFile}`
  if (given === undefined || given === '') {
    const keys: PeerKey[] = []
    const folder = join(dataDir, 'auditors')
    for (let i = 1; i <= (count ?? 1); i++)
      keys.push(await openNodeKey({ dataDir: join(folder, String(i)), env: {}, onNotice }))
    return { keys, secrets: [], source: `burner keys in ${folder}` }
  }
  const secrets = given
    .split(/[\s,]+/)
    .filter(text => text !== '')
    .map((text, i) => secretOf(text, i, source))
  const wanted = count ?? secrets.length
  if (wanted > secrets.length)
    throw new ComputePoolError(
      'input_invalid',
      `${wanted} auditors were asked for, and ${source} has ${secrets.length} keys.`,
      {
        remedy: 'Give a key for each, or a lower --count.',
      },
    )
  const taken = secrets.slice(0, wanted)
  if (new Set(taken).size < taken.length)
    throw new ComputePoolError('input_invalid', `A key stands twice in ${source}.`, {
      remedy: 'Give each auditor its own.',
    })
  return { keys: taken.map(keyOfSecret), secrets: taken, source }
}

function secretOf(text: string, index: number, source: string): Hex {
  const secret = text.toLowerCase().replace(/^(0x)?/, '0x') as Hex
  try {
    if (/^0x[0-9a-f]{64}$/.test(secret) && keyOfSecret(secret)) return secret
  } catch {
    // Zero, or above the curve's order. Without a cause: it might repeat the secret.
  }
  throw new ComputePoolError('input_invalid', `Key ${index + 1} in ${source} is none.`, {
    remedy: 'Each must be 64 hexadecimal digits, with or without 0x, on a line of its own.',
  })
}
