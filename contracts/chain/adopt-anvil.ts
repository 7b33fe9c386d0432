/**
 * Takes over the anvil that an earlier run left. What its record names may be gone, may by now be a stranger under the same pid, or
 * may be ours and slow: only a stranger is left alone, for two processes on one state file lose one another's blocks.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import { type AnvilRecord, askRpc, forgetRecord, stateFile } from './anvil-process.ts'
import { commandLine, isAlive } from './process-alive.ts'

/** Where the chain's identity lies, as code that does nothing. */
export const IDENTITY_ADDRESS = '0x000000000000000000000000000000000c0ffee0'

const POLL_MS = 100

export interface AnvilAdoption {
  readonly dir: string
  readonly last: AnvilRecord
  readonly identity: Hex
  readonly answerWithinMs: number
}

/**
 * The record of `last` where its process lives and is this chain's, else undefined and the record is forgotten. One that was killed
 * before it was marked is ours too. @throws chain_unavailable where a living process of ours does not answer.
 */
export async function adoptAnvil({ dir, last, identity, answerWithinMs }: AnvilAdoption) {
  const command = isAlive(last) ? await commandLine(last.pid) : ''
  const isOurs = command === null ? null : command.includes(stateFile(dir))
  if (isOurs !== false) {
    const code = await askCode(last, answerWithinMs)
    if (code !== undefined && (isOurs || code === identity)) return last
    if (code === undefined && isAlive(last)) {
      throw new ComputePoolError(
        'chain_unavailable',
        `The embedded chain of an earlier run (process ${last.pid}, port ${last.port}) does not answer.`,
        {
          remedy: `Start again in a moment; if that does not help, end process ${last.pid}: the chain goes on from what it last wrote.`,
          context: { pid: last.pid, port: last.port },
        },
      )
    }
  }
  await forgetRecord(dir)
  return undefined
}

async function askCode(last: AnvilRecord, withinMs: number): Promise<unknown> {
  const endMs = performance.now() + withinMs
  while (isAlive(last)) {
    const leftMs = endMs - performance.now()
    if (leftMs <= 0) return undefined
    const code = await askRpc(last.port, 'eth_getCode', [IDENTITY_ADDRESS, 'latest'], Math.min(5000, leftMs))
    if (code !== undefined) return code
    await sleep(POLL_MS)
  }
  return undefined
}
