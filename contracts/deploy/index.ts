export {
  auditorKeysOf,
  ownAuditors,
} from './auditor-keys.ts'
export {
  type ChainManifest,
  type CoalitionManifest,
  chainManifestSchema,
  type InftManifest,
  manifestPath,
  readChainManifest,
  type VaultManifest,
  writeChainManifest,
} from './chain-manifest.ts'
export {
  type CoalitionChoice,
  type CoalitionRules,
  type DeployCoalitionOptions,
  type DeployedCoalition,
  deployCoalition,
  embeddedRules,
  publicRules,
} from './deploy-coalition.ts'
export {
  type DeployedFramework,
  type DeployFrameworkOptions,
  type DeployProgress,
  deployFramework,
} from './deploy-framework.ts'
export {
  type DeployedInft,
  type DeployInftOptions,
  deployInft,
  type InftChoice,
  type InftOracle,
} from './deploy-inft.ts'
export {
  type DeployedVault,
  type DeployVaultOptions,
  deployVault,
  type EnsureReserveOptions,
  ensureReserve,
  vaultOf,
} from './deploy-vault.ts'
export { createDeployer, type Deployer, type DeployerOptions, localSettings, type SendSettings } from './deployer.ts'
export { embeddedDeployer } from './embedded-deployer.ts'
export { type EnsureDeploymentOptions, type EnsuredDeployment, ensureDeployment } from './ensure-deployment.ts'
export {
  type DeploymentEstimate,
  type EstimateOptions,
  estimateDeployment,
  type PlannedStep,
} from './estimate-deployment.ts'
export { type Exercise, exerciseDeployment } from './exercise-deployment.ts'
export { verifyDeployment } from './verify-deployment.ts'
export { type SourceVerdict, type VerifySourcesOptions, verifySources } from './verify-sources.ts'
