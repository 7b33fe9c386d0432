/** What leaves the page, and what its wallet signs: no key to an oracle that the token does not count, no word on what was not opened. */
import { ComputePoolError } from '@computepool/shared/errors'
import { describeIntelligence, encryptionKeyOf, type TransferView } from '@computepool/shared/inft'
import { expect, test, vi } from 'vitest'
import { createFakeInft, samplePoolToken, sealedEntry } from '../ui/testing/fake-inft.ts'
import { type ActPowers, accept, offer } from './token-acts.ts'

type Hex = `0x${string}`
const [seller, buyer]: Hex[] = [`0x${'5'.repeat(40)}`, `0x${'6'.repeat(40)}`]
const secret = new Uint8Array(32).fill(7)
const key = { secret, publicKey: encryptionKeyOf(secret) }
const pool = samplePoolToken()

function open() {
  const inft = createFakeInft(seller!, pool)
  const fetched: string[] = []
  const signTypedData = vi.fn(async (): Promise<Hex> => `0x${'11'.repeat(65)}`)
  const powers = () =>
    ({
      ...{ pool, token: inft.token, chain: inft.chain },
      wallet: { address: buyer, signTypedData },
      client: {
        ...inft.client,
        blob: (name: { root: string; sizeBytes: number }) => {
          fetched.push(name.root)
          return inft.client.blob(name)
        },
      },
      access: async () => 'access',
      randomBytes: (length: number) => new Uint8Array(length).fill(3),
      tell: () => {},
    }) as unknown as ActPowers
  return { inft, fetched, signTypedData, powers }
}

/** A token of two entries, and what the oracle made of it. */
function prepared() {
  const opened = open()
  const { inft } = opened
  const [one, two, nextOne, nextTwo] = [1, 2, 3, 4].map(() => sealedEntry(inft, pool, key.publicKey))
  inft.token = { ...inft.token, entries: [one!, two!] }
  const entry = (old: { root: string }, next: NonNullable<typeof one>) => ({
    description: next.description,
    blob: { root: next.root as Hex, sizeBytes: next.sizeBytes },
    ownershipProof: {
      ...{ oracleType: 0, oldDataHash: old.root as Hex, newDataHash: next.root as Hex },
      ...{ sealedKey: next.sealedKey, encryptedPubKey: key.publicKey, nonce: '0x' as const, proof: '0x' as const },
    },
  })
  const transfer: TransferView = {
    ...{ id: 'a'.repeat(32), tokenId: '1', from: seller!, to: buyer!, isClone: false, deadline: 99 },
    ...{ state: 'prepared', accessProofs: [], entries: [entry(one!, nextOne!), entry(two!, nextTwo!)] },
  }
  return { ...opened, transfer, roots: [nextOne!.root, nextTwo!.root] }
}

test('each entry is fetched and opened before the wallet signs for any', async () => {
  const { inft, fetched, signTypedData, powers, transfer, roots } = prepared()
  await accept(powers(), transfer, key)
  expect([fetched, signTypedData.mock.calls.length]).toEqual([roots, 2])
  inft.blobs.delete(roots[1]!)
  await expect(accept(powers(), transfer, key)).rejects.toMatchObject({ code: 'input_not_found' })
  expect([signTypedData.mock.calls.length, inft.accepted.length]).toEqual([2, 1])
})

test('an entry is held to the token’s own description, not to what the transfer says of it', async () => {
  const { inft, signTypedData, powers, transfer } = prepared()
  const renamed = transfer.entries.map(entry => ({ ...entry, description: 'any words' }))
  await accept(powers(), { ...transfer, entries: renamed }, key)
  const [first, second] = inft.token.entries
  for (const description of [describeIntelligence(second!.sizeBytes + 1), 'any words']) {
    inft.token = { ...inft.token, entries: [first!, { ...second!, description }] }
    await expect(accept(powers(), transfer, key)).rejects.toMatchObject({ code: 'input_invalid' })
  }
  expect(signTypedData).toHaveBeenCalledTimes(2)
})

test('no key is sealed to an oracle that the token’s contract does not count', async () => {
  const { inft, powers } = prepared()
  inft.onOracle = () => {
    throw new ComputePoolError('chain_wrong', 'Not registered.')
  }
  await expect(offer(powers(), { to: buyer!, isClone: false }, key)).rejects.toMatchObject({ code: 'chain_wrong' })
  expect(inft.orders).toEqual([])
  inft.onOracle = () => {}
  await offer(powers(), { to: buyer!, isClone: false }, key)
  expect(inft.orders.map(({ keysForOracle }) => keysForOracle.length)).toEqual([2])
})
