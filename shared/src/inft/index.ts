export {
  type ContainerPlace,
  containerKeyBytes,
  containerOverheadBytes,
  mostContainerBytes,
  openContainer,
  type SealContainerOptions,
  sealContainer,
} from './container.ts'
export { encryptionKeyOf, type SealingEntropy, sealTo, unseal } from './ecies.ts'
export {
  accessHeader,
  accessOrderSchema,
  accessProofSchema,
  challengeOrderSchema,
  challengeSchema,
  type InftToken,
  type InftView,
  inftTokenSchema,
  inftViewSchema,
  mostEntries,
  mostUploadBytes,
  ownershipProofSchema,
  type PreparedTransferView,
  preparedTransferSchema,
  signedInSchema,
  signInOrderSchema,
  storedBlobSchema,
  type TransferView,
  tokenIdSchema,
  transferListSchema,
  transferOrderSchema,
  transferViewSchema,
} from './inft-api.ts'
export {
  describedSize,
  describeIntelligence,
  intelligenceBytes,
  type PoolIntelligence,
  parseIntelligence,
  poolIntelligenceSchema,
} from './pool-intelligence.ts'
export {
  accessTypedData,
  ownershipTypedData,
  type ProofContext,
  type ProofData,
  proofNonce,
  teeOracle,
  type VerifierPlace,
  verifierDomain,
} from './proof-typed-data.ts'
export { type EncryptionKey, type WalletKeyPlace, walletKey, walletKeyMessage } from './wallet-key.ts'
