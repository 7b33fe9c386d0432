import { storageContract } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from './memory-storage.ts'

describe('memory storage', () => {
  it.each(storageContract.map(entry => [entry.name, entry] as const))('%s', async (_, entry) => {
    const storage = createMemoryStorage()
    await entry.run(async () => storage)
  })

  it('says by code that it is full', async () => {
    const partial = await createMemoryStorage(100).partial('a'.repeat(64))
    await partial.append(new Uint8Array(80))
    await expect(partial.append(new Uint8Array(21))).rejects.toMatchObject({ code: 'artifact_quota_exceeded' })
  })
})
