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
