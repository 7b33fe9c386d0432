export {
  chunkBytes,
  createRootHasher,
  type FileRoot,
  fileRootOf,
  paddedChunks,
  type RootHasher,
  type Subtree,
  segmentBytes,
} from './merkle-root.ts'
export {
  isSegmentOf,
  proveSegment,
  type SegmentProof,
  segmentRoot,
  segmentSize,
  treeSegments,
} from './segment-proof.ts'
