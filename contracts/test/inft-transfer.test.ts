/** How a pool's token comes into being and changes hands, on a real chain: what holds afterwards, and every other way refused. */
import { encodeFunctionData, encodeFunctionResult, parseAbi, parseEventLogs } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { poolInftAbi } from '../abi/index.ts'
import { type InftBench, openInftBench, people, sealedKey, someHash } from './inft-bench.ts'

const { owner, oracle, seller, buyer, assistant, stranger } = people
const hashes = [someHash('manifest'), someHash('prompt')] as const
type Entries = readonly { readonly dataDescription: string; readonly dataHash: string }[]

let bench: InftBench
beforeAll(async () => {
  bench = await openInftBench()
}, 240_000)
afterAll(() => bench?.close())

const hashesOf = async (tokenId: bigint) =>
  (await bench.read<Entries>(bench.inft, 'intelligentDataOf', [tokenId])).map(({ dataHash }) => dataHash)
const ownerOf = (tokenId: bigint) => bench.read<string>(bench.inft, 'ownerOf', [tokenId])

describe('a token', () => {
  it('keeps what it was minted with: owner, data, keys, version', async () => {
    const tokenId = await bench.mint(hashes)
    expect(await ownerOf(tokenId)).toBe(seller.address)
    expect(await bench.read<Entries>(bench.inft, 'intelligentDataOf', [tokenId])).toEqual([
      { dataDescription: 'entry 0', dataHash: hashes[0] },
      { dataDescription: 'entry 1', dataHash: hashes[1] },
    ])
    expect(await bench.read(bench.inft, 'sealedKeysOf', [tokenId])).toEqual(
      hashes.map(hash => sealedKey(`sealed at the mint ${hash}`)),
    )
    expect(await bench.read(bench.inft, 'versionOf', [tokenId])).toBe(1n)
  })

  it('is not minted empty, without a key to each entry, or for a contract that cannot hold it', async () => {
    const entry = { dataDescription: 'manifest', dataHash: hashes[0] }
    const zero = { ...entry, dataHash: `0x${'00'.repeat(32)}` }
    const mint = (data: readonly unknown[], keys: readonly string[], to: string = seller.address) =>
      bench.refused(seller, bench.inft, 'mint', [to, data, keys])
    expect(await mint([entry], ['0x01'])).toBe('taken')
    expect(await mint([], [])).toBe('DataInvalid')
    expect(await mint([entry], [])).toBe('DataInvalid')
    expect(await mint([entry], ['0x'])).toBe('DataInvalid')
    expect(await mint([zero], ['0x01'])).toBe('DataInvalid')
    expect(await mint([entry], [`0x${'01'.repeat(513)}`])).toBe('DataInvalid')
    expect(await mint(Array(17).fill(entry), Array(17).fill('0x01'))).toBe('DataInvalid')
    expect(await mint([{ ...entry, dataDescription: 'x'.repeat(257) }], ['0x01'])).toBe('DataInvalid')
    expect(await mint([entry], ['0x01'], bench.verifier)).toBe('ERC721InvalidReceiver')
  })

  it('takes a new version from its owner alone, and tells both', async () => {
    const tokenId = await bench.mint([hashes[0]])
    const next = [{ dataDescription: 'manifest', dataHash: hashes[1] }]
    const args = [tokenId, next, [sealedKey('next')]]
    await bench.send(seller, bench.inft, 'approve', [stranger.address, tokenId])
    expect(await bench.refused(stranger, bench.inft, 'update', args)).toBe('NotOwner')
    const { logs } = await bench.send(seller, bench.inft, 'update', args)
    const [told] = parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Updated' })
    expect(told?.args.oldData.map(({ dataHash }) => dataHash)).toEqual([hashes[0]])
    expect(told?.args.newData.map(({ dataHash }) => dataHash)).toEqual([hashes[1]])
    expect(await hashesOf(tokenId)).toEqual([hashes[1]])
    expect(await bench.read(bench.inft, 'sealedKeysOf', [tokenId])).toEqual([sealedKey('next')])
    expect(await bench.read(bench.inft, 'versionOf', [tokenId])).toBe(2n)
  })
})

describe('iTransfer', () => {
  it('moves the token with new hashes and keys, and tells so', async () => {
    const tokenId = await bench.mint(hashes)
    const proofs = await Promise.all(hashes.map(oldDataHash => bench.prove({ tokenId, oldDataHash })))
    const { logs } = await bench.send(seller, bench.inft, 'iTransfer', [buyer.address, tokenId, proofs])
    const keys = proofs.map(({ ownershipProof }) => ownershipProof.sealedKey)
    expect(await ownerOf(tokenId)).toBe(buyer.address)
    expect(await hashesOf(tokenId)).toEqual(proofs.map(({ accessProof }) => accessProof.newDataHash))
    expect(await bench.read(bench.inft, 'sealedKeysOf', [tokenId])).toEqual(keys)
    expect(await bench.read(bench.inft, 'versionOf', [tokenId])).toBe(2n)
    const events = parseEventLogs({ abi: poolInftAbi, logs })
    expect(events.map(({ eventName }) => eventName)).toEqual([
      'Transfer',
      'Transferred',
      'Updated',
      'PublishedSealedKey',
    ])
    expect(events[1]?.args).toEqual({ tokenId, from: seller.address, to: buyer.address })
    expect(events[3]?.args).toEqual({ tokenId, to: buyer.address, sealedKeys: keys })
  })

  it('is the only way: transferFrom and both of safeTransferFrom are refused to the owner itself', async () => {
    const tokenId = await bench.mint(hashes)
    const way = [seller.address, buyer.address, tokenId]
    expect(await bench.refused(seller, bench.inft, 'transferFrom', way)).toBe('UseITransfer')
    expect(await bench.refused(seller, bench.inft, 'safeTransferFrom', way)).toBe('UseITransfer')
    expect(await bench.refused(seller, bench.inft, 'safeTransferFrom', [...way, '0x1234'])).toBe('UseITransfer')
  })

  it('is for owners, approved accounts and operators, and the approval ends with it', async () => {
    const tokenId = await bench.mint([hashes[0]])
    const args = [buyer.address, tokenId, [await bench.prove({ tokenId, oldDataHash: hashes[0] })]]
    expect(await bench.refused(stranger, bench.inft, 'iTransfer', args)).toBe('ERC721InsufficientApproval')
    // The receiver has both proofs in hand; they are no approval.
    expect(await bench.refused(buyer, bench.inft, 'iTransfer', args)).toBe('ERC721InsufficientApproval')
    await bench.send(seller, bench.inft, 'setApprovalForAll', [assistant.address, true])
    expect(await bench.refused(assistant, bench.inft, 'iTransfer', args)).toBe('taken')
    await bench.send(seller, bench.inft, 'setApprovalForAll', [assistant.address, false])
    await bench.send(seller, bench.inft, 'approve', [stranger.address, tokenId])
    await bench.send(stranger, bench.inft, 'iTransfer', args)
    expect(await ownerOf(tokenId)).toBe(buyer.address)
    expect(await bench.read(bench.inft, 'getApproved', [tokenId])).toBe(`0x${'0'.repeat(40)}`)
  })

  it('wants a proof for each entry, in their order', async () => {
    const tokenId = await bench.mint(hashes)
    const [first, second] = await Promise.all(hashes.map(oldDataHash => bench.prove({ tokenId, oldDataHash })))
    const transfer = (...proofs: unknown[]) =>
      bench.refused(seller, bench.inft, 'iTransfer', [buyer.address, tokenId, proofs])
    expect(await transfer(first, second)).toBe('taken')
    expect(await transfer()).toBe('ProofCountWrong')
    expect(await transfer(first)).toBe('ProofCountWrong')
    expect(await transfer(first, second, second)).toBe('ProofCountWrong')
    expect(await transfer(second, first)).toBe('DataHashWrong')
    expect(await transfer(first, first)).toBe('ProofUsed')
  })

  it('delivers to a contract that answers for its signatures, which finds everything done when it is called', async () => {
    const receiver = await bench.deploy('ReenteringReceiver', [], ['test/hostile'])
    const abi = parseAbi([
      'function prepare(bytes[] calls)',
      'function outcome() view returns (bool[] successes, bytes[] answers)',
    ])
    const tokenId = await bench.mint([hashes[0]])
    await bench.send(seller, bench.inft, 'authorizeUsage', [tokenId, stranger.address])
    const proof = await bench.prove({
      tokenId,
      to: receiver,
      oldDataHash: hashes[0],
      sealedTo: '0x0badc0de',
      wanted: '0x0badc0de',
      accessSignature: `0x${Buffer.from('open sesame').toString('hex')}`,
    })
    const { newDataHash, sealedKey: newKey } = proof.ownershipProof
    const call = (functionName: string, args: readonly unknown[]) =>
      encodeFunctionData({ abi: poolInftAbi, functionName, args } as never)
    const calls = [
      call('iTransfer', [receiver, tokenId, [proof]]),
      call('ownerOf', [tokenId]),
      call('intelligentDataOf', [tokenId]),
      call('sealedKeysOf', [tokenId]),
      call('isAuthorized', [tokenId, stranger.address]),
      call('transferFrom', [receiver, stranger.address, tokenId]),
      call('iTransfer', [stranger.address, tokenId, []]),
    ]
    const { wallet, publicClient } = bench
    const hash = await wallet(owner).writeContract({ address: receiver, abi, functionName: 'prepare', args: [calls] })
    await publicClient.waitForTransactionReceipt({ hash })
    await bench.send(seller, bench.inft, 'iTransfer', [receiver, tokenId, [proof]])

    const [successes, answers] = await publicClient.readContract({ address: receiver, abi, functionName: 'outcome' })
    expect(successes).toEqual([false, true, true, true, true, false, false])
    const encoded = (functionName: string, result: unknown) =>
      encodeFunctionResult({ abi: poolInftAbi, functionName, result } as never)
    expect(answers.slice(1, 5)).toEqual([
      encoded('ownerOf', receiver),
      encoded('intelligentDataOf', [{ dataDescription: 'entry 0', dataHash: newDataHash }]),
      encoded('sealedKeysOf', [newKey]),
      encoded('isAuthorized', false),
    ])
    expect((await ownerOf(tokenId)).toLowerCase()).toBe(receiver)
  })
})

describe('iClone', () => {
  it('makes a token of its own; the source, its authorisations and its approval stay', async () => {
    const tokenId = await bench.mint([hashes[0]])
    await bench.send(seller, bench.inft, 'authorizeUsage', [tokenId, stranger.address])
    const proof = await bench.prove({ tokenId, oldDataHash: hashes[0], isClone: true })
    const { logs } = await bench.send(seller, bench.inft, 'iClone', [buyer.address, tokenId, [proof]])
    const [cloned] = parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Cloned' })
    const { newTokenId } = cloned!.args
    expect(cloned!.args).toEqual({ tokenId, newTokenId, from: seller.address, to: buyer.address })
    expect([await ownerOf(tokenId), await ownerOf(newTokenId)]).toEqual([seller.address, buyer.address])
    expect(await hashesOf(tokenId)).toEqual([hashes[0]])
    expect(await hashesOf(newTokenId)).toEqual([proof.ownershipProof.newDataHash])
    expect(await bench.read(bench.inft, 'isAuthorized', [tokenId, stranger.address])).toBe(true)
    expect(await bench.read(bench.inft, 'isAuthorized', [newTokenId, stranger.address])).toBe(false)
    await bench.send(seller, bench.inft, 'revokeAuthorization', [tokenId, stranger.address])
    const next = [{ dataDescription: 'next', dataHash: someHash('next version') }]
    await bench.send(seller, bench.inft, 'update', [tokenId, next, [sealedKey('next')]])
    expect(await hashesOf(newTokenId)).toEqual([proof.ownershipProof.newDataHash])
  })

  it('takes no proof that was made for a transfer, nor a transfer one for a clone', async () => {
    const tokenId = await bench.mint([hashes[0]])
    const forTransfer = await bench.prove({ tokenId, oldDataHash: hashes[0] })
    const forClone = await bench.prove({ tokenId, oldDataHash: hashes[0], isClone: true })
    const use = (way: string, proof: unknown) =>
      bench.refused(seller, bench.inft, way, [buyer.address, tokenId, [proof]])
    expect(await use('iClone', forTransfer)).toBe('ProofForOther')
    expect(await use('iTransfer', forClone)).toBe('ProofForOther')
    expect(await use('iTransfer', forTransfer)).toBe('taken')
    expect(await use('iClone', forClone)).toBe('taken')
  })
})

it('says for good who encrypted anew, and that it was simulated', async () => {
  const tokenId = await bench.mint([hashes[0]])
  const proof = await bench.prove({ tokenId, oldDataHash: hashes[0] })
  await bench.send(seller, bench.inft, 'iTransfer', [buyer.address, tokenId, [proof]])
  const of = (hash: string) => bench.read<readonly unknown[]>(bench.verifier, 'reencryptionOf', [bench.inft, hash])
  expect(await of(proof.ownershipProof.newDataHash)).toEqual([oracle.address, expect.any(String), true])
  expect((await of(hashes[0]))[0]).toBe(`0x${'0'.repeat(40)}`)
})
