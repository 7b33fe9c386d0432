/** Who may use a pool’s intelligence, as the chain tells whoever runs it; and which interfaces the contracts say they have. */
import { type Address, padHex, parseEventLogs, toEventSelector, toFunctionSelector, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { poolInftAbi } from '../abi/index.ts'
import { type InftBench, openInftBench, people, someHash } from './inft-bench.ts'

const { seller, buyer, stranger } = people
const hash = someHash('manifest')
const user = (at: number): Address => padHex(`0x${(at + 1).toString(16)}`, { size: 20 })

let bench: InftBench
beforeAll(async () => {
  bench = await openInftBench()
}, 240_000)
afterAll(() => bench?.close())

const isAuthorized = (tokenId: bigint, who: Address) => bench.read<boolean>(bench.inft, 'isAuthorized', [tokenId, who])
const usersOf = (tokenId: bigint) => bench.read<readonly Address[]>(bench.inft, 'authorizedUsersOf', [tokenId])
const grant = (tokenId: bigint, who: Address, expiresAt?: bigint) =>
  bench.send(seller, bench.inft, 'authorizeUsage', [tokenId, who, ...(expiresAt === undefined ? [] : [expiresAt])])

describe('an authorisation', () => {
  it('is the owner’s to give and to take back, and is told', async () => {
    const tokenId = await bench.mint([hash])
    expect([await isAuthorized(tokenId, seller.address), await isAuthorized(tokenId, stranger.address)]).toEqual([
      true,
      false,
    ])
    await bench.send(seller, bench.inft, 'approve', [buyer.address, tokenId])
    const args = [tokenId, stranger.address]
    expect(await bench.refused(buyer, bench.inft, 'authorizeUsage', args)).toBe('NotOwner')
    const { logs } = await grant(tokenId, stranger.address)
    const told = parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Authorization' })
    expect(told[0]?.args).toEqual({ from: seller.address, to: stranger.address, tokenId })
    expect(await isAuthorized(tokenId, stranger.address)).toBe(true)
    expect(await usersOf(tokenId)).toEqual([stranger.address])
    expect(await bench.refused(stranger, bench.inft, 'revokeAuthorization', args)).toBe('NotOwner')
    await bench.send(seller, bench.inft, 'revokeAuthorization', args)
    expect(await isAuthorized(tokenId, stranger.address)).toBe(false)
    expect(await usersOf(tokenId)).toEqual([])
    expect(await bench.refused(seller, bench.inft, 'revokeAuthorization', args)).toBe('GrantUnknown')
  })

  it('is for a person who is not the owner, and for a time to come', async () => {
    const tokenId = await bench.mint([hash])
    const now = await bench.now()
    const authorize = (...args: unknown[]) => bench.refused(seller, bench.inft, 'authorizeUsage', [tokenId, ...args])
    expect(await authorize(zeroAddress)).toBe('GranteeInvalid')
    expect(await authorize(seller.address)).toBe('GranteeInvalid')
    expect(await authorize(stranger.address, now - 1n)).toBe('ExpiryPast')
    expect(await bench.refused(seller, bench.inft, 'authorizeUsage', [10_000n, stranger.address])).toBe(
      'ERC721NonexistentToken',
    )
  })

  it('ends by itself at its second, unless it was renewed', async () => {
    const tokenId = await bench.mint([hash])
    const ends = (await bench.now()) + 100n
    await grant(tokenId, stranger.address, ends)
    await grant(tokenId, buyer.address, ends)
    await grant(tokenId, buyer.address, ends + 1_000n)
    const at = async (timestamp: bigint) => {
      await bench.testClient.setNextBlockTimestamp({ timestamp })
      await bench.testClient.mine({ blocks: 1 })
      return [await isAuthorized(tokenId, stranger.address), await isAuthorized(tokenId, buyer.address)]
    }
    expect(await at(ends - 1n)).toEqual([true, true])
    expect(await at(ends)).toEqual([false, true])
    expect(await usersOf(tokenId)).toEqual([buyer.address])
    expect(await bench.read(bench.inft, 'authorizationOf', [tokenId, stranger.address])).toEqual([false, ends])
  })

  it('is one of a hundred at most, of which those whose time is over make room', { timeout: 120_000 }, async () => {
    const tokenId = await bench.mint([hash])
    const ends = (await bench.now()) + 10_000n
    for (let at = 0; at < 100; at++) await grant(tokenId, user(at), at < 3 ? ends : 0n)
    const more = [tokenId, user(100)]
    expect(await bench.refused(seller, bench.inft, 'authorizeUsage', more)).toBe('GrantsFull')
    // Who is on the list already is renewed all the same.
    expect(await bench.refused(seller, bench.inft, 'authorizeUsage', [tokenId, user(5)])).toBe('taken')
    await bench.passSeconds(10_001)
    await grant(tokenId, user(100))
    const users = await usersOf(tokenId)
    expect(users).toHaveLength(98)
    expect(new Set(users).size).toBe(98)
    expect(users).toContain(user(100))
    expect(await isAuthorized(tokenId, user(0))).toBe(false)
  })

  it('ends when the token changes hands, and does not come back with it', async () => {
    const tokenId = await bench.mint([hash])
    await grant(tokenId, stranger.address)
    const there = await bench.prove({ tokenId, oldDataHash: hash })
    await bench.send(seller, bench.inft, 'iTransfer', [buyer.address, tokenId, [there]])
    const answers = () => Promise.all([stranger, seller, buyer].map(({ address }) => isAuthorized(tokenId, address)))
    expect(await answers()).toEqual([false, false, true])
    expect(await usersOf(tokenId)).toEqual([])
    const back = await bench.prove({
      tokenId,
      oldDataHash: there.accessProof.newDataHash,
      from: buyer.address,
      to: seller.address,
      signer: seller,
      sealedTo: `0x${seller.publicKey.slice(4)}`,
    })
    await bench.send(buyer, bench.inft, 'iTransfer', [seller.address, tokenId, [back]])
    expect(await answers()).toEqual([false, true, false])
  })
})

it('keeps the encryption key that each account published for itself', async () => {
  const key = `0x${'ab'.repeat(64)}`
  await bench.send(buyer, bench.inft, 'publishEncryptionKey', [key])
  expect(await bench.read(bench.inft, 'encryptionKeyOf', [buyer.address])).toBe(key)
  expect(await bench.read(bench.inft, 'encryptionKeyOf', [seller.address])).toBe('0x')
  const publish = (bytes: string) => bench.refused(buyer, bench.inft, 'publishEncryptionKey', [bytes])
  expect(await publish(`0x04${'ab'.repeat(64)}`)).toBe('EncryptionKeyInvalid')
  expect(await publish('0x')).toBe('taken')
})

describe('the standard', () => {
  it('finds the interface ids that it computes', async () => {
    const supports = (at: Address, id: string) => bench.read<boolean>(at, 'supportsInterface', [id])
    // ERC-165, ERC-721, its metadata, ERC-7857 final, its metadata.
    for (const id of ['0x01ffc9a7', '0x80ac58cd', '0x5b5e139f', '0xee5a526e', '0xaa18b754']) {
      expect([id, await supports(bench.inft, id)]).toEqual([id, true])
    }
    expect(await supports(bench.inft, '0xffffffff')).toBe(false)
    expect(await supports(bench.verifier, '0xdf630116')).toBe(true)
    expect(await supports(bench.verifier, '0x01ffc9a7')).toBe(true)
    expect(await supports(bench.verifier, '0xffffffff')).toBe(false)
  })

  it('finds its selectors and topics in our ABI', () => {
    const selectors = poolInftAbi.flatMap(item => (item.type === 'function' ? [toFunctionSelector(item)] : []))
    const standard =
      '2b7ac3f3 b0654873 e915c38a fa83d14e c3612ef7 98bd57de 0e592fdd 1aeb542f 393df216 095ea7b3 a22cb465 6352211e 081812fc e985e9c5'
    for (const selector of standard.split(' ')) expect(selectors).toContain(`0x${selector}`)
    const topics = poolInftAbi.flatMap(item =>
      item.type === 'event' ? [`${item.name} ${toEventSelector(item).slice(0, 10)}`] : [],
    )
    for (const topic of [
      'Authorization 0x8a1c60ca',
      'AuthorizationRevoked 0xd1662978',
      'Transferred 0x0ea8df78',
      'Cloned 0x40b442ee',
      'PublishedSealedKey 0x77ac1306',
      'DelegateAccess 0x57a5f7ce',
    ]) {
      expect(topics).toContain(topic)
    }
  })
})
