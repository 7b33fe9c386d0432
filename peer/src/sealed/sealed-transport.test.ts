import { transportContract } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { openSealedPair, type SealedPairOptions } from '../../testing/sealed-pair.ts'

const networks: [string, SealedPairOptions][] = [
  ['a perfect network', {}],
  ['5 % loss, re-ordering and 40 ms', { seed: 3, delayMs: 40, jitterMs: 30, lossRate: 0.05, duplicateRate: 0.02 }],
  ['a queue that overflows', { seed: 4, delayMs: 5, queueLength: 6, pollMs: 20 }],
]

describe.each(networks)('the transport contract, sealed, over %s', (_, options) => {
  it.each(transportContract.map(entry => [entry.name, entry] as const))('%s', async (_name, entry) => {
    const pair = await openSealedPair(options)
    await entry.run(pair)
    await pair.close()
    const nothing = { unackedBytes: 0, pendingBytes: 0, packets: 0 }
    expect([pair.a.held, pair.b.held]).toEqual([nothing, nothing])
  })
})
