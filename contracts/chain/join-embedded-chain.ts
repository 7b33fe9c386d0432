/** The embedded chain that another process of this machine runs, for whoever sends from a key of its own. It starts and stops nothing. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from 'viem'
import { IDENTITY_ADDRESS } from './adopt-anvil.ts'
import { askRpc, readRecord } from './anvil-process.ts'
import { readOrMakeKeys } from './chain-keys.ts'
import { embeddedChain } from './known-chains.ts'
import { isAlive } from './process-alive.ts'
import type { EmbeddedChain } from './start-embedded-chain.ts'

/** `keys`: to make others from. To send from one of these would confuse whoever runs the chain. */
export type JoinedChain = Pick<EmbeddedChain, 'url' | 'chain' | 'keys' | 'fund'>

/** Null where nobody runs the chain of `dataDir`. Errors: `chain_state_invalid` for broken keys. */
export async function joinEmbeddedChain(dataDir: string): Promise<JoinedChain | null> {
  const dir = await realpath(join(dataDir, 'chain')).catch(() => null)
  const record = dir === null ? undefined : await readRecord(dir)
  if (record === undefined || !isAlive(record)) return null
  const { identity, owner, settler, keeper } = await readOrMakeKeys(dataDir)
  const { port } = record
  if ((await askRpc(port, 'eth_getCode', [IDENTITY_ADDRESS, 'latest'])) !== identity) return null
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    chain: embeddedChain(url),
    keys: { owner, settler, keeper },
    async fund(address, wei) {
      const held = BigInt(String((await askRpc(port, 'eth_getBalance', [address, 'latest'])) ?? 0))
      if (held < wei) await askRpc(port, 'anvil_setBalance', [address, toHex(wei)])
    },
  }
}
