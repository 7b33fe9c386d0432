export { type OpenStorage, type OpenStorageOptions, openStorage, storageKeyOf } from './open-storage.ts'
export {
  createMemorySubmissions,
  openSubmissionBook,
  type Submission,
  type SubmissionBook,
} from './open-submission-book.ts'
export {
  openStorageStandIn,
  type StorageStandIn,
  type StorageStandInOptions,
} from './stand-in/open-storage-stand-in.ts'
export type { StandInFaults } from './stand-in/stand-in-methods.ts'
export { type StorageLimits, storageLimitsOf } from './storage-limits.ts'
export { gasPerFile, openStorageNetwork, type StorageCost, type StorageNetwork } from './storage-network.ts'
export {
  createZeroGStore,
  mostBlobBytes,
  type ZeroGStoreOptions,
} from './zero-g-store.ts'
