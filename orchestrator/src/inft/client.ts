/** What a program with a key of its own needs of the token: reading it, opening its containers and sealing them. No server, no storage. */
export { type AcceptOptions, acceptTransfer, type SignedAccess, type TransferProof } from './accept-transfer.ts'
export { type InftEntry, type InftFacts, type InftPlace, readInft } from './inft-reader.ts'
export {
  entryKey,
  openEntry,
  openIntelligence,
  sealingEntropy,
  storeEntry,
  storeIntelligence,
} from './store-intelligence.ts'
