/** The key that stands in for a TEE's, made on the first start and readable by its owner only. Any file's key proves nothing, and its kind says so. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'

/** `<dataDir>/simulated-attestation.key`, made where it is missing. Errors: `attestation_unavailable` where it holds something else. */
export function keptSimulatedKey(dataDir: string): `0x${string}` {
  mkdirSync(dataDir, { recursive: true })
  const file = join(dataDir, 'simulated-attestation.key')
  const fresh = `0x${randomBytes(32).toString('hex')}` as const
  try {
    writeFileSync(file, `${fresh}\n`, { mode: 0o600, flag: 'wx' })
    return fresh
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  }
  chmodSync(file, 0o600)
  const key = readFileSync(file, 'utf8').trim()
  if (/^0x[0-9a-f]{64}$/.test(key)) return key as `0x${string}`
  throw new ComputePoolError('attestation_unavailable', `${file} does not hold a private key.`, {
    remedy: 'Delete it, and a new one is made: nobody can rely on a simulated signer anyway.',
  })
}
