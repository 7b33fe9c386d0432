/** What the page asks of a pool's token contract, as calldata; and what the contract's refusals mean, with what to do. It sends nothing. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { TransferView } from '@computepool/shared/inft'
import { BaseError, ContractFunctionRevertedError, decodeErrorResult, encodeFunctionData, parseAbi } from 'viem'
import type { ContractCall } from '../wallet/payer-wallet.ts'

type Hex = `0x${string}`

/** A part of the contracts' own list; a test compares them. */
export const tokenCallsAbi = parseAbi([
  'struct AccessProof { bytes32 oldDataHash; bytes32 newDataHash; bytes nonce; bytes encryptedPubKey; bytes proof; }',
  'struct OwnershipProof { uint8 oracleType; bytes32 oldDataHash; bytes32 newDataHash; bytes sealedKey; bytes encryptedPubKey; bytes nonce; bytes proof; }',
  'struct TransferValidityProof { AccessProof accessProof; OwnershipProof ownershipProof; }',
  'struct IntelligentData { string dataDescription; bytes32 dataHash; }',
  'struct Oracle { bytes32 measurement; string attestationUri; uint64 since; bool isSimulated; bool isRegistered; }',
  'function authorizeUsage(uint256 tokenId, address user, uint64 expiresAt)',
  'function revokeAuthorization(uint256 tokenId, address user)',
  'function update(uint256 tokenId, IntelligentData[] data, bytes[] sealedKeys)',
  'function iTransfer(address to, uint256 tokenId, TransferValidityProof[] proofs)',
  'function iClone(address to, uint256 tokenId, TransferValidityProof[] proofs) returns (uint256 newTokenId)',
  'function publishEncryptionKey(bytes key)',
  'function encryptionKeyOf(address account) view returns (bytes)',
  'function verifier() view returns (address)',
  'function oracleOf(address signer) view returns (Oracle)',
  'error NotOwner(uint256 tokenId, address account)',
  'error DataInvalid()',
  'error DataHashWrong(uint256 at, bytes32 expected, bytes32 given)',
  'error AccessSignerWrong(uint256 at, address signer)',
  'error SealedToOther(uint256 at)',
  'error GrantsFull(uint256 tokenId)',
  'error GrantUnknown(uint256 tokenId, address user)',
  'error GranteeInvalid(address user)',
  'error ExpiryPast(uint64 expiresAt)',
  'error EncryptionKeyInvalid()',
  'error ERC721InsufficientApproval(address operator, uint256 tokenId)',
  'error OracleUnknown(address signer)',
  'error ProofExpired(uint256 deadline)',
  'error ProofUsed(address signer, bytes32 salt)',
])

/** Of one token of one contract. */
export interface TokenCalls {
  /** `expiresAt` in seconds of the chain; 0: until it is revoked. */
  grant(user: Hex, expiresAt: bigint): ContractCall
  revoke(user: Hex): ContractCall
  write(entry: { readonly description: string; readonly root: Hex; readonly sealedKey: Hex }): ContractCall
  /** `iTransfer` or `iClone`, of a transfer that was accepted. */
  handOver(transfer: TransferView): ContractCall
  publishKey(publicKey: Hex): ContractCall
}

export function tokenCalls(token: Hex, tokenId: string): TokenCalls {
  const id = BigInt(tokenId)
  const call = (data: Hex): ContractCall => ({ to: token, data })
  const abi = tokenCallsAbi
  return {
    grant: (user, expiresAt) =>
      call(encodeFunctionData({ abi, functionName: 'authorizeUsage', args: [id, user, expiresAt] })),
    revoke: user => call(encodeFunctionData({ abi, functionName: 'revokeAuthorization', args: [id, user] })),
    write: ({ description, root, sealedKey }) => {
      const data = [{ dataDescription: description, dataHash: root }]
      return call(encodeFunctionData({ abi, functionName: 'update', args: [id, data, [sealedKey]] }))
    },
    handOver({ to, isClone, entries, accessProofs }) {
      const proofs = entries.map(({ ownershipProof }, at) => ({ ownershipProof, accessProof: accessProofs[at]! }))
      const functionName = isClone ? 'iClone' : 'iTransfer'
      return call(encodeFunctionData({ abi, functionName, args: [to, id, proofs] }))
    },
    publishKey: publicKey => call(encodeFunctionData({ abi, functionName: 'publishEncryptionKey', args: [publicKey] })),
  }
}

const again = 'Refresh this page, and see how the token stands now.'
const words: Readonly<Record<string, readonly [message: string, remedy: string]>> = {
  NotOwner: [
    'This wallet does not own the pool’s token.',
    'Connect the owner’s wallet, or refresh: it may have changed hands.',
  ],
  ERC721InsufficientApproval: [
    'This wallet does not own the pool’s token.',
    'Connect the owner’s wallet, or refresh: it may have changed hands.',
  ],
  GrantsFull: ['A hundred users are authorised, and that is the most.', 'Revoke one first, or wait until one ends.'],
  GrantUnknown: ['This address is not authorised any more.', again],
  GranteeInvalid: ['This address cannot be authorised: it is the owner’s own, or nobody’s.', 'Enter another address.'],
  ExpiryPast: ['The end lies in the past by the chain’s clock.', 'Choose a later end, or none.'],
  EncryptionKeyInvalid: ['The encryption key is not 64 bytes.', 'Derive it again with an ordinary account.'],
  DataInvalid: ['The contract does not take this version.', 'Write it anew; the prompt may be too long.'],
  DataHashWrong: ['The token holds another version than this transfer is about.', 'Have the transfer prepared again.'],
  AccessSignerWrong: ['The receiver’s word is signed by somebody else.', 'The receiver must open and sign it again.'],
  SealedToOther: ['The new key is sealed to another key than the receiver named.', 'Have the transfer prepared again.'],
  OracleUnknown: [
    'The oracle that prepared this counts no more.',
    'Have the transfer prepared again, by one that counts.',
  ],
  ProofExpired: ['The time for this transfer is over.', 'Have it prepared again: its words hold for an hour.'],
  ProofUsed: ['These proofs were used already.', again],
}

/** A refusal of the contract in words; null where `thrown` is something else, or a refusal without a name here. */
export function refusalInWords(thrown: unknown): ComputePoolError | null {
  const name = errorNameOf(thrown)
  const known = name === null ? undefined : words[name]
  if (name === null || known === undefined) return null
  const [message, remedy] = known
  return new ComputePoolError('chain_reverted', message, {
    remedy: `${remedy} Nothing was sent.`,
    context: { refusal: name },
  })
}

function errorNameOf(thrown: unknown): string | null {
  if (!(thrown instanceof BaseError)) return null
  const reverted = thrown.walk(error => error instanceof ContractFunctionRevertedError)
  if (reverted instanceof ContractFunctionRevertedError) return reverted.data?.errorName ?? null
  const raw = thrown.walk(error => typeof (error as { data?: unknown }).data === 'string') as { data?: Hex } | null
  if (raw?.data === undefined) return null
  try {
    return decodeErrorResult({ abi: tokenCallsAbi, data: raw.data }).errorName
  } catch {
    return null
  }
}
