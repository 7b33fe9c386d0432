/** A pack of random weights for the tests of a file, and whatever pool a test opened on it closed when the test ends. It registers vitest's hooks. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type AuditedSwarm, type AuditedSwarmOptions, openAuditedSwarm, writeAuditedPack } from './audited-swarm.ts'

export type SwarmOpener = (options: Omit<AuditedSwarmOptions, 'packDir'>) => Promise<AuditedSwarm>

/** What it returns opens a pool on that pack: one a test. */
export function useAuditedSwarm(): SwarmOpener {
  let pack: Awaited<ReturnType<typeof writeAuditedPack>>
  let swarm: AuditedSwarm | null = null
  beforeAll(async () => {
    pack = await writeAuditedPack()
  }, 120_000)
  afterAll(() => pack?.remove())
  afterEach(async () => {
    await swarm?.close()
    swarm = null
  })
  return async options => {
    swarm = await openAuditedSwarm({ packDir: pack.dir, ...options })
    return swarm
  }
}
