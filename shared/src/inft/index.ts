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
