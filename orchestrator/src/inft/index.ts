export { type AcceptOptions, acceptTransfer, type SignedAccess, type TransferProof } from './accept-transfer.ts'
export { type InftEntry, type InftFacts, type InftPlace, readInft } from './inft-reader.ts'
export { createSignIn, type SignedIn, type SignIn, type SignInOptions } from './sign-in.ts'
export {
  entryKey,
  openEntry,
  openIntelligence,
  sealingEntropy,
  storeEntry,
  storeIntelligence,
} from './store-intelligence.ts'
export {
  createTransferOracle,
  type PreparedTransfer,
  type SignedOwnership,
  type TransferOracle,
  type TransferOracleOptions,
  type TransferRequest,
} from './transfer-oracle.ts'
export { createUsageGate, type UsageGate, type UsageGateOptions } from './usage-gate.ts'
