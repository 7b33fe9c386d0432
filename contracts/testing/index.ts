export { killChainWithUs } from './die-with-us.ts'
export { type DifficultEndpointOptions, openDifficultEndpoint } from './open-difficult-endpoint.ts'
export {
  openTestChain,
  type TestAccounts,
  type TestChain,
  type TestChainOptions,
  testAccount,
  testAccounts,
} from './open-test-chain.ts'
export { type AnvilOptions, type SpawnedAnvil, spawnAnvil } from './spawn-anvil.ts'
export { clientsFor, type TestClients } from './test-clients.ts'
