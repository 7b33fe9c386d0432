/** Fakes and contract suites of the ports, for every workspace's tests. */
export { type FakeEngine, type FakeEngineOptions, openFakeEngine } from './fake-engine.ts'
export { type FakeManifestOptions, fakeManifest } from './fake-manifest.ts'
export { createLoopbackNetwork, type LoopbackNetwork, type LoopbackOptions } from './loopback-transport.ts'
export { createManualClock, eventLoopTurn, type ManualClock } from './manual-clock.ts'
export { createSeededRandom, type SeededRandom } from './seeded-random.ts'
export { dealSeats, fakeJob, fakePeer, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'
export {
  numberedFrame,
  type TransportContractCase,
  type TransportPair,
  transportContract,
} from './transport-contract.ts'
