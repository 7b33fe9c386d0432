/**
 * The embedded chain's keys and its identity: random, made on the first start, readable by their owner only. The keys are worth
 * nothing anywhere else. It knows no chain.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { z } from 'zod'

const privateKey = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform(value => value as Hex)

const keysSchema = z.strictObject({
  /** Written on the chain when it is made, so that a later start knows its own chain from any other anvil. */
  identity: z
    .string()
    .regex(/^0x00[0-9a-f]{32}$/)
    .transform(value => value as Hex),
  owner: privateKey,
  settler: privateKey,
  keeper: privateKey,
})

export type ChainKeys = z.infer<typeof keysSchema>

/**
 * `<dataDir>/keys.json`, made where it is missing.
 * @throws chain_state_invalid where the file is not what this wrote: made anew, the keys' money would be lost.
 */
export async function readOrMakeKeys(dataDir: string): Promise<ChainKeys> {
  const file = join(dataDir, 'keys.json')
  await mkdir(dataDir, { recursive: true })
  const fresh: ChainKeys = {
    // A leading 00 is STOP: the identity lies on the chain as code that does nothing.
    identity: `0x00${randomBytes(16).toString('hex')}`,
    owner: generatePrivateKey(),
    settler: generatePrivateKey(),
    keeper: generatePrivateKey(),
  }
  try {
    // wx: of two that start at once, one writes and the other reads.
    await writeFile(file, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    return fresh
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  }
  // A copy or an unpacked backup may have opened it to others.
  await chmod(file, 0o600)
  try {
    return keysSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    // Without the cause: a parser's message may quote what it read.
    throw new ComputePoolError('chain_state_invalid', `${file} does not hold the embedded chain's keys.`, {
      remedy: 'Put the file back from a backup, or remove the data folder to begin with a new chain.',
    })
  }
}
