export type { ChainKeys } from './chain-keys.ts'
export { findAnvil } from './find-anvil.ts'
export { type JoinedChain, joinEmbeddedChain } from './join-embedded-chain.ts'
export {
  embeddedChain,
  type KnownChain,
  knownChain,
  remoteSettings,
  zeroGGalileo,
  zeroGMainnet,
} from './known-chains.ts'
export { type LockAttempt, lockFile } from './lock-file.ts'
export {
  EMBEDDED_CHAIN_ID,
  type EmbeddedChain,
  type EmbeddedChainOptions,
  startEmbeddedChain,
} from './start-embedded-chain.ts'
