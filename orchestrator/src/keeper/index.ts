/** The keeper's front door: the runner at home, the client to KeeperHub, their routes, and the callbacks of both. */
export {
  type Callback,
  type CallbackRoutesOptions,
  type CallbackVerdict,
  callbackPath,
  callbackRoutes,
  verifyCallback,
} from './callback-routes.ts'
export { type CallbackSubject, type CallbackTokens, createCallbackTokens } from './callback-tokens.ts'
export {
  createEmbeddedKeeper,
  type EmbeddedKeeper,
  type EmbeddedKeeperOptions,
  type KeeperNotice,
  type RunDetail,
} from './embedded-keeper.ts'
export { type KeeperOrganisation, keeperRoutes } from './keeper-routes.ts'
export { createKeeperHubClient, type KeeperHubClient, type KeeperHubClientOptions } from './keeperhub-client.ts'
export { organisationKeyOf } from './organisation-key.ts'
export {
  coalitionWorkflowKeys,
  type KeeperDeployment,
  type PreparedWorkflow,
  prepareWorkflow,
  prepareWorkflows,
  vaultWorkflowKeys,
  type WorkflowKey,
  workflowKeys,
} from './prepare-workflows.ts'
export type { MinedTransaction, SignedTransaction, TransactionCall, TransactionSender } from './transaction-sender.ts'
