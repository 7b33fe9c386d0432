export { type AcceptOptions, acceptTransfer, type SignedAccess, type TransferProof } from './accept-transfer.ts'
export { type InftDesk, noInft } from './inft-desk.ts'
export { type InftEntry, type InftFacts, type InftPlace, readInft } from './inft-reader.ts'
export { inftRoutes } from './inft-routes.ts'
export { type Inft, type InftSettings, type OpenInftOptions, openInft } from './open-inft.ts'
export { privateDoor, privatePaths } from './private-door.ts'
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
