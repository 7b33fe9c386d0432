/** The orchestrator's own secrets, made on the first start and readable by their owner only. They are worth nothing elsewhere. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { z } from 'zod'

const secret = z.string().regex(/^[0-9a-f]{64}$/)
const secretsSchema = z.strictObject({
  /** Bearer token of the owner's routes. */
  ownerToken: secret,
  /** What session tokens are made with: whoever changes it makes every token worthless. */
  sessionSecret: secret,
  callbackSecret: secret,
  signingSecret: secret,
})
export type OwnerSecrets = z.infer<typeof secretsSchema>

/** `<dataDir>/secrets.json`, made where it is missing. Errors: `chain_state_invalid` where it holds something else. */
export function readOrMakeSecrets(dataDir: string): OwnerSecrets {
  mkdirSync(dataDir, { recursive: true })
  const file = join(dataDir, 'secrets.json')
  const make = (): string => randomBytes(32).toString('hex')
  const fresh: OwnerSecrets = {
    ownerToken: make(),
    sessionSecret: make(),
    callbackSecret: make(),
    signingSecret: make(),
  }
  try {
    writeFileSync(file, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    return fresh
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  }
  chmodSync(file, 0o600)
  try {
    return secretsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // Without the cause: a parser's message may quote what it read.
    throw new ComputePoolError('chain_state_invalid', `${file} does not hold this orchestrator's secrets.`, {
      remedy: 'Put it back from a backup; without it every session token is void.',
    })
  }
}
