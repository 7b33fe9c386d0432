/** What the provider's key signed, kept as long as it may be asked for and no longer. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSignerFile } from './signer-file.ts'

const address = `0x${'ab'.repeat(20)}`
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-signer-file-'))
})
afterEach(() => rm(folder, { recursive: true }))

const rowOf = (nonce: number) => ({
  ...{ hash: `0x${nonce.toString(16).padStart(64, '0')}` as Hex, raw: '0x01' as Hex, chainId: 1, address, nonce },
  ...{ recipient: address, createdAtMs: nonce },
})

it('forgets the oldest of those whose end is known, and none that is under way', async () => {
  const file = await openSignerFile(join(folder, 'sent.jsonl'), fault => expect(fault).toBeNull())
  await Promise.all(Array.from({ length: 503 }, (_, nonce) => file.add(rowOf(nonce))))
  const known = async () => {
    const found = await Promise.all(Array.from({ length: 503 }, (_, nonce) => file.versions(1, address, nonce)))
    return found.flat().map(({ nonce }) => nonce)
  }
  for (let nonce = 1; nonce < 503; nonce++) await file.settle(rowOf(nonce).hash, 'mined')
  const left = await known()
  expect(left).toHaveLength(501)
  expect(left.slice(0, 2)).toEqual([0, 3])
  expect(await file.unmined(1, address)).toMatchObject([{ nonce: 0 }])
  await file.end()
  const again = await openSignerFile(join(folder, 'sent.jsonl'), fault => expect(fault).toBeNull())
  expect((await again.versions(1, address, 2)).length + (await again.versions(1, address, 3)).length).toBe(1)
  await again.end()
})
