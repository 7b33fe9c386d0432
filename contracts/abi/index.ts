/** The ABIs that the rest of ComputePool talks to chains with. */
export { coalitionAbi, coalitionStates, coalitionVerdicts } from './coalition.ts'
export { inferenceServingAbi, settlementStatuses } from './inference-serving.ts'
export { poolInftAbi, teeDataVerifierAbi } from './pool-inft.ts'
export { gdaForwarderAbi, superfluidPoolAbi, superTokenAbi } from './superfluid.ts'
export { storageFlowAbi } from './storage-flow.ts'
export { streamVaultAbi, vaultSessionStates } from './stream-vault.ts'
export { usdcAbi } from './usdc.ts'
