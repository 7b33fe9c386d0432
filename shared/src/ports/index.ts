export type { Clock, Entropy } from './clock.ts'
export type {
  Activation,
  ActivationDtype,
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
export type { ArtifactStorage, PartialArtifact, StorageKind } from './storage.ts'
export type { LinkEvent, LinkFacts, LinkKind, Transport } from './transport.ts'
