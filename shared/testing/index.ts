/** Fakes and contract suites of the ports, for every workspace's tests. */
export { type EngineContractCase, type EngineContractHarness, engineContract } from './engine-contract.ts'
export { type FakeEngine, type FakeEngineOptions, openFakeEngine } from './fake-engine.ts'
export { createFakeKeeper, type FakeKeeper, type FakeRunTools, type FakeWorkflow } from './fake-keeper.ts'
export { type FakeManifestOptions, fakeManifest } from './fake-manifest.ts'
export { createGate, type KeeperContractCase, type KeeperContractHarness, keeperContract } from './keeper-contract.ts'
export { createLoopbackNetwork, type LoopbackNetwork, type LoopbackOptions } from './loopback-transport.ts'
export { createLossyNet, type LossyNet, type LossyNetOptions } from './lossy-carrier.ts'
export { createManualClock, eventLoopTurn, type ManualClock } from './manual-clock.ts'
export { type RandomPack, type RandomPackOptions, randomPack } from './random-pack.ts'
export { createSeededRandom, type SeededRandom } from './seeded-random.ts'
export { type StorageContractCase, storageContract } from './storage-contract.ts'
export { dealSeats, fakeJob, fakePeer, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'
export {
  numberedFrame,
  type TransportContractCase,
  type TransportPair,
  transportContract,
} from './transport-contract.ts'
