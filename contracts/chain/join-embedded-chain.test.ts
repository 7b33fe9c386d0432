/** A second process finds the chain that the first one runs, and nothing where none runs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { joinEmbeddedChain } from './join-embedded-chain.ts'
import { startEmbeddedChain } from './start-embedded-chain.ts'

it('joins the chain that somebody else runs, gives coins there, and none that is gone', {
  timeout: 60_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'computepool-join-'))
  try {
    expect(await joinEmbeddedChain(dataDir)).toBeNull()
    const chain = await startEmbeddedChain({ dataDir })
    try {
      const joined = await joinEmbeddedChain(dataDir)
      expect(joined).toMatchObject({ url: chain.url, keys: chain.keys })
      const address = `0x${'5a'.repeat(20)}` as const
      await joined!.fund(address, 7n)
      await joined!.fund(address, 3n)
      const asked = { jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: [address, 'latest'] }
      const answer = await fetch(chain.url, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) },
      })
      expect(await answer.json()).toMatchObject({ result: '0x7' })
    } finally {
      await chain.close()
    }
    expect(await joinEmbeddedChain(dataDir)).toBeNull()
  } finally {
    await rm(dataDir, { recursive: true })
  }
})
