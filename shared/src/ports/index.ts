export type { BlobStore, StoredBlob } from './blobs.ts'
export type { Clock, Entropy } from './clock.ts'
export type { DatagramCarrier } from './datagram.ts'
export type {
  Activation,
  ActivationDtype,
  DrawRequest,
  Engine,
  EngineFacts,
  EngineKind,
  EngineMemory,
  EngineOutput,
  EngineRow,
  OpenEngine,
  PartReader,
  PartSource,
  SampleRequest,
  SliceRequest,
} from './engine.ts'
export {
  finalKeeperStatuses,
  isFinalKeeperStatus,
  type KeeperExecution,
  type KeeperInput,
  type KeeperLog,
  type KeeperPort,
  type KeeperReceiptStatus,
  type KeeperRun,
  type KeeperStatus,
  type KeeperTransaction,
  type KeeperValue,
} from './keeper.ts'
export type { ArtifactStorage, PartialArtifact, StorageKind } from './storage.ts'
export type { LinkEvent, LinkFacts, LinkKind, Transport } from './transport.ts'
