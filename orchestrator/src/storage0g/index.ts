export {
  openStorageStandIn,
  type StorageStandIn,
  type StorageStandInOptions,
} from './stand-in/open-storage-stand-in.ts'
export type { StandInFaults } from './stand-in/stand-in-methods.ts'
export {
  createMemorySubmissions,
  createZeroGStore,
  mostBlobBytes,
  type SubmissionBook,
  type ZeroGStoreOptions,
} from './zero-g-store.ts'
