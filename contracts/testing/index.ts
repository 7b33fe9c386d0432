export { addTestServing, type TestServing } from './add-test-serving.ts'
export {
  type CoalitionSigner,
  coalitionSigner,
  type SignedAccusation,
  type SignedConsent,
  type SignedParty,
  type SignedTerms,
  type SigningPlace,
} from './coalition-signing.ts'
export { killChainWithUs } from './die-with-us.ts'
export { type DifficultEndpointOptions, openDifficultEndpoint } from './open-difficult-endpoint.ts'
export { openTestChain, type TestChain, type TestChainOptions } from './open-test-chain.ts'
export {
  addTestCoalition,
  noHash,
  openTestCoalition,
  someHash,
  type TestCoalition,
  type TestCoalitionOptions,
  type TestCoalitionRules,
  testCoalitionRules,
} from './open-test-coalition.ts'
export { openTestInft, type TestEntry, type TestInft } from './open-test-inft.ts'
export { type AnvilOptions, type SpawnedAnvil, spawnAnvil } from './spawn-anvil.ts'
export { type TestAccounts, testAccount, testAccounts } from './test-accounts.ts'
export { clientsFor, type TestClients } from './test-clients.ts'
