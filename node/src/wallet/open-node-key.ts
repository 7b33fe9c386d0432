/**
 * The wallet key of a headless peer: from a keystore file, from the environment, or a burner key made once in the data folder. The
 * secret is never printed and never part of an error. It knows no network.
 */
import { randomBytes } from 'node:crypto'
import { chmod, constants, copyFile, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import type { PeerKey } from '@computepool/peer/runtime/peer-powers.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import { bytesToHex, type Hex } from 'viem'
import { onDisk } from '../pack/disk-errors.ts'
import { moveAside } from '../storage/move-aside.ts'
import { readKeystore } from './read-keystore.ts'

export interface NodeKeyOptions {
  /** Where the burner key lives. */
  readonly dataDir: string
  /** A keystore file; its password comes from `passwordFile`, or from COMPUTEPOOL_KEYSTORE_PASSWORD. */
  readonly keystorePath?: string | undefined
  readonly passwordFile?: string | undefined
  /** COMPUTEPOOL_NODE_KEY and COMPUTEPOOL_KEYSTORE_PASSWORD are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told, in a sentence, where a key had to be made anew. */
  readonly onNotice?: (text: string) => void
}

export interface NodeKey extends PeerKey {
  /** In words, e.g. "a burner key in /var/lib/computepool/node.key". */
  readonly source: string
}

/** Where the burner key of a data folder is, or will be. */
export const burnerPath = (dataDir: string): string => join(dataDir, 'node.key')

/** Errors: `input_invalid` (no such key, wrong password), `input_not_found` (no such file). */
export async function openNodeKey(options: NodeKeyOptions): Promise<NodeKey> {
  const { dataDir, keystorePath, env } = options
  if (keystorePath !== undefined) {
    const text = await onDisk(keystorePath, () => readFile(keystorePath, 'utf8'))
    return keyFrom(await readKeystore(text, await passwordOf(options)), `the keystore ${keystorePath}`)
  }
  if (env.COMPUTEPOOL_NODE_KEY) return keyFrom(env.COMPUTEPOOL_NODE_KEY, 'COMPUTEPOOL_NODE_KEY')
  const path = burnerPath(dataDir)
  return keyFrom(await burnerKey(options, path), `a burner key in ${path}`)
}

async function passwordOf({ passwordFile, env }: NodeKeyOptions): Promise<string> {
  if (passwordFile !== undefined) {
    const text = await onDisk(passwordFile, () => readFile(passwordFile, 'utf8'))
    // Editors end a file with a newline; a password has none.
    return text.replace(/\r?\n$/, '')
  }
  if (env.COMPUTEPOOL_KEYSTORE_PASSWORD !== undefined) return env.COMPUTEPOOL_KEYSTORE_PASSWORD
  throw new ComputePoolError('input_invalid', 'The keystore needs a password and none was given.', {
    remedy: 'Set COMPUTEPOOL_KEYSTORE_PASSWORD, or name a file with --password-file.',
  })
}

/** Made on the first run; two processes that start at once agree on one, and a crash leaves none or a whole one. */
async function burnerKey({ dataDir, onNotice = () => {} }: NodeKeyOptions, path: string): Promise<string> {
  return onDisk(path, async () => {
    await mkdir(dataDir, { recursive: true })
    if (await isEmpty(path)) {
      await moveAside(path, isEmpty)
      onNotice(`${path} was empty, as a crash may leave it: a new burner key is made.`)
    }
    if ((await stat(path).catch(() => null)) === null) await makeBurner(path)
    // Copied or restored files lose their mode: a key that others can read is closed again.
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600)
    return readFile(path, 'utf8')
  })
}

/** Whether there is a key file without a key. */
export async function isEmpty(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.size === 0
}

/** Whole before it has its name; where another was faster, that one's stays. */
async function makeBurner(path: string): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    try {
      await file.writeFile(`${bytesToHex(randomBytes(32))}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path).catch(async (thrown: NodeJS.ErrnoException) => {
      // Some file systems know no links: there a copy must do.
      if (thrown.code !== 'EEXIST') await copyFile(draft, path, constants.COPYFILE_EXCL)
    })
  } finally {
    await rm(draft, { force: true })
  }
}

function keyFrom(text: string, source: string): NodeKey {
  const secret = text
    .trim()
    .toLowerCase()
    .replace(/^(0x)?/, '0x')
  try {
    if (/^0x[0-9a-f]{64}$/.test(secret)) return { ...keyOfSecret(secret as Hex), source }
  } catch {
    // Zero, or above the curve's order. Without a cause: it might repeat the secret.
  }
  throw new ComputePoolError('input_invalid', `There is no private key in ${source}.`, {
    remedy: 'It must be 64 hexadecimal digits, with or without 0x.',
  })
}
