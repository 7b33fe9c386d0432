/** Which proofs a transfer takes: those that two people signed for exactly this, once and in time. Each fault is refused by name. */
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type InftBench,
  measurement,
  openInftBench,
  type ProofChoice,
  people,
  pubKeyOf,
  someHash,
} from './inft-bench.ts'

const { owner, oracle, seller, buyer, assistant, stranger } = people
const hash = someHash('manifest')
type Proof = Awaited<ReturnType<InftBench['prove']>>

let bench: InftBench
let tokenId: bigint
let before: Hex
beforeAll(async () => {
  bench = await openInftBench()
  tokenId = await bench.mint([hash])
}, 240_000)
afterAll(() => bench?.close())
beforeEach(async () => {
  before = await bench.snapshot()
})
afterEach(() => bench.revert(before))

const prove = (choice: Partial<ProofChoice> = {}) => bench.prove({ tokenId, oldDataHash: hash, ...choice })
const outcome = (proof: Proof, to = buyer.address) =>
  bench.refused(seller, bench.inft, 'iTransfer', [to, tokenId, [proof]])
const of = async (choice: Partial<ProofChoice>) => outcome(await prove(choice))

it('takes a proof that is right', async () => {
  expect(await of({})).toBe('taken')
})

describe('each word', () => {
  it('is good once', async () => {
    const proof = await prove()
    await bench.send(seller, bench.inft, 'iTransfer', [buyer.address, tokenId, [proof]])
    // Back in the seller's hands, with the same data, all that the words say holds again.
    const back = await bench.prove({
      tokenId,
      oldDataHash: proof.accessProof.newDataHash,
      newDataHash: hash,
      from: buyer.address,
      to: seller.address,
      signer: seller,
      sealedTo: pubKeyOf(seller),
    })
    await bench.send(buyer, bench.inft, 'iTransfer', [seller.address, tokenId, [back]])
    expect(await outcome(proof)).toBe('ProofUsed')
    const fresh = await prove({ newDataHash: proof.accessProof.newDataHash })
    expect(await outcome({ ...fresh, accessProof: proof.accessProof })).toBe('ProofUsed')
    expect(await outcome({ ...fresh, ownershipProof: proof.ownershipProof })).toBe('ProofUsed')
    expect(await outcome(fresh)).toBe('taken')
  })

  it('ends with its deadline', async () => {
    const deadline = (await bench.now()) + 60n
    const proof = await prove({ deadline })
    const late = await prove({ access: { deadline } })
    await bench.testClient.setNextBlockTimestamp({ timestamp: deadline })
    await bench.testClient.mine({ blocks: 1 })
    expect(await outcome(proof)).toBe('taken')
    await bench.passSeconds(2)
    expect(await outcome(proof)).toBe('ProofExpired')
    expect(await outcome(late)).toBe('ProofExpired')
  })

  it('is for one chain, one verifier, one token contract, one token, one sender and one receiver', async () => {
    // Read the other way round: what these proofs sign is another place, what the contract finds in them is this one.
    expect(await of({ place: { ...bench.place, chainId: 16602 } })).toBe('OracleUnknown')
    expect(await of({ place: { ...bench.place, verifier: bench.inft } })).toBe('OracleUnknown')
    expect(await of({ token: bench.verifier })).toBe('OracleUnknown')
    const twin = await bench.mint([hash])
    expect(await of({ tokenId: twin })).toBe('ProofForOther')
    expect(await of({ from: stranger.address })).toBe('ProofForOther')
    expect(await of({ to: stranger.address, signer: stranger, sealedTo: pubKeyOf(stranger) })).toBe('ProofForOther')
    expect(await outcome(await prove(), stranger.address)).toBe('ProofForOther')
  })

  it('is about the same thing as the other', async () => {
    expect(await of({ access: { tokenId: tokenId + 1n } })).toBe('ProofsDiffer')
    expect(await of({ access: { from: stranger.address } })).toBe('ProofsDiffer')
    expect(await of({ access: { to: stranger.address } })).toBe('ProofsDiffer')
    expect(await of({ access: { isClone: true } })).toBe('ProofsDiffer')
    const [one, other] = [await prove(), await prove()]
    expect(await outcome({ ...one, accessProof: other.accessProof })).toBe('ProofsDiffer')
  })

  it('is about data that were encrypted anew', async () => {
    expect(await of({ newDataHash: hash })).toBe('DataNotReencrypted')
    expect(await of({ newDataHash: `0x${'00'.repeat(32)}` })).toBe('DataNotReencrypted')
    expect(await of({ oldDataHash: someHash('other') })).toBe('DataHashWrong')
  })

  it('holds for every byte of it, wherever fields meet', async () => {
    const proof = await prove()
    const { ownershipProof: o, accessProof: a } = proof
    const changed = (change: Partial<Proof['ownershipProof']>) =>
      outcome({ ...proof, ownershipProof: { ...o, ...change } })
    // One byte from the end of the key to the beginning of the next field: the same bytes, split otherwise.
    const moved = `0x${o.sealedKey.slice(-2)}${o.encryptedPubKey.slice(2)}` as Hex
    expect(await changed({ sealedKey: o.sealedKey.slice(0, -2) as Hex, encryptedPubKey: moved })).toBe('OracleUnknown')
    expect(await changed({ sealedKey: `${o.sealedKey}00` })).toBe('OracleUnknown')
    expect(await changed({ oracleType: 1 as never })).toBe('OracleTypeUnsupported')
    expect(await changed({ nonce: `${o.nonce}00` })).toBe('ProofNonceInvalid')
    expect(await changed({ nonce: o.nonce.slice(0, -2) as Hex })).toBe('ProofNonceInvalid')
    expect(await changed({ nonce: '0x' })).toBe('ProofNonceInvalid')
    expect(await changed({ proof: o.proof.slice(0, -2) as Hex })).toBe('OracleUnknown')
    // The other root of the same signature, which some recoveries take for a second one.
    expect(await changed({ proof: otherRoot(o.proof) })).toBe('OracleUnknown')
    const salted = `0x${'11'.repeat(32)}${a.nonce.slice(66)}` as Hex
    expect(await outcome({ ...proof, accessProof: { ...a, nonce: salted } })).toBe('AccessSignerWrong')
    expect(await outcome({ ...proof, accessProof: { ...a, proof: '0x' } })).toBe('AccessSignatureInvalid')
  })

  it('cannot be used up by somebody else', async () => {
    const proof = await prove()
    expect(await bench.refused(stranger, bench.verifier, 'verifyTransferValidity', [[proof]])).toBe('OracleUnknown')
    // Not even where the words are for the caller's own address as a token: what is marked is marked for it alone.
    const forStranger = await prove({ token: stranger.address })
    await bench.send(stranger, bench.verifier, 'verifyTransferValidity', [[forStranger]])
    expect(await outcome(proof)).toBe('taken')
  })
})

describe('the access proof', () => {
  it('is the receiver’s, or its assistant’s for as long as it is one', async () => {
    expect(await of({ signer: stranger })).toBe('AccessSignerWrong')
    expect(await of({ signer: seller })).toBe('AccessSignerWrong')
    const proof = await prove({ signer: assistant })
    expect(await outcome(proof)).toBe('AccessSignerWrong')
    await bench.send(buyer, bench.inft, 'delegateAccess', [assistant.address])
    expect(await bench.read(bench.inft, 'getDelegateAccess', [buyer.address])).toBe(assistant.address)
    expect(await outcome(proof)).toBe('taken')
    await bench.send(buyer, bench.inft, 'delegateAccess', [`0x${'0'.repeat(40)}`])
    expect(await outcome(proof)).toBe('AccessSignerWrong')
  })

  it('without a key means the receiver’s own, in 64 bytes', async () => {
    const own = pubKeyOf(buyer)
    expect(await of({ sealedTo: own })).toBe('taken')
    expect(await of({ sealedTo: `0x04${own.slice(2)}` })).toBe('SealedToOther')
    expect(await of({ sealedTo: pubKeyOf(seller) })).toBe('SealedToOther')
  })

  it('with a key means that one', async () => {
    const wanted = pubKeyOf(assistant)
    expect(await of({ wanted, sealedTo: wanted })).toBe('taken')
    expect(await of({ wanted, sealedTo: pubKeyOf(buyer) })).toBe('SealedToOther')
    expect(await of({ wanted: `0x04${wanted.slice(2)}`, sealedTo: wanted })).toBe('SealedToOther')
  })
})

describe('oracles', () => {
  it('count while they are registered', async () => {
    expect(await of({ oracle: stranger })).toBe('OracleUnknown')
    const [old, next] = [await prove(), await prove({ oracle: stranger })]
    await bench.send(owner, bench.verifier, 'removeOracle', [oracle.address])
    await bench.send(owner, bench.verifier, 'setOracle', [stranger.address, measurement, '', true])
    expect(await outcome(old)).toBe('OracleUnknown')
    expect(await outcome(next)).toBe('taken')
  })

  it('are the owner’s to name, and nobody can give that up', async () => {
    const args = [stranger.address, measurement, '', true]
    expect(await bench.refused(stranger, bench.verifier, 'setOracle', args)).toBe('OwnableUnauthorizedAccount')
    const remove = [oracle.address]
    expect(await bench.refused(stranger, bench.verifier, 'removeOracle', remove)).toBe('OwnableUnauthorizedAccount')
    expect(await bench.refused(owner, bench.verifier, 'renounceOwnership', [])).toBe('OwnerNeeded')
    expect(await bench.refused(owner, bench.verifier, 'removeOracle', [stranger.address])).toBe('OracleUnknown')
    expect(
      await bench.refused(owner, bench.verifier, 'setOracle', [stranger.address, `0x${'00'.repeat(32)}`, '', true]),
    ).toBe('OracleInvalid')
  })

  it('stay simulated, or not, for good', async () => {
    const set = (isSimulated: boolean, measured = measurement) =>
      bench.refused(owner, bench.verifier, 'setOracle', [oracle.address, measured, '', isSimulated])
    expect(await set(false)).toBe('OracleFixed')
    expect(await set(true, someHash('other code'))).toBe('OracleFixed')
    await bench.send(owner, bench.verifier, 'removeOracle', [oracle.address])
    expect(await set(false)).toBe('OracleFixed')
    expect(await set(true)).toBe('taken')
    expect(await bench.read(bench.verifier, 'oracleOf', [oracle.address])).toMatchObject({
      measurement,
      isSimulated: true,
      isRegistered: false,
    })
  })

  it('that are simulated are refused for good by a verifier that takes none', async () => {
    const strict = await bench.deploy('TeeDataVerifier', [owner.address, false])
    const set = (isSimulated: boolean) =>
      bench.refused(owner, strict, 'setOracle', [oracle.address, measurement, '', isSimulated])
    expect([await set(true), await set(false)]).toEqual(['SimulatedRefused', 'taken'])
  })
})

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
function otherRoot(signature: Hex): Hex {
  const s = curveOrder - BigInt(`0x${signature.slice(66, 130)}`)
  const v = signature.endsWith('1b') ? '1c' : '1b'
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${v}` as Hex
}
