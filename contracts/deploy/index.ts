export {
  type ChainManifest,
  chainManifestSchema,
  manifestPath,
  readChainManifest,
  type VaultManifest,
  writeChainManifest,
} from './chain-manifest.ts'
export {
  type DeployedFramework,
  type DeployFrameworkOptions,
  type DeployProgress,
  deployFramework,
} from './deploy-framework.ts'
export { createDeployer, type Deployer, type DeployerOptions, localSettings, type SendSettings } from './deployer.ts'
