export { byteAlphabet } from './byte-alphabet.ts'
export { bfloat16ToFloat32, float16Bits, float16ToFloat32, float16Value, float32ToFloat16 } from './float16.ts'
export { ggufNumber, ggufText, llama3Factors, shapeFromGguf } from './gguf-config.ts'
export {
  type GgufHeader,
  type GgufIncomplete,
  type GgufTensor,
  type GgufValue,
  MAX_GGUF_HEADER,
  parseGgufHeader,
} from './gguf-header.ts'
export { type RebuiltTokenizer, tokenizerFromGguf } from './gguf-tokenizer.ts'
export { type LayerRange, layerCount, tilesModel } from './layer-range.ts'
export {
  type FileRef,
  fileRefSchema,
  type Manifest,
  manifestSchema,
  type PackPart,
  type PackTensor,
  packPartSchema,
  packTensorSchema,
  type SelfTestGolden,
  selfTestSchema,
  type TensorDtype,
} from './manifest.ts'
export { shapeFromConfig, unsupportedModel } from './model-config.ts'
export {
  type LayoutShape,
  type ModelShape,
  matrixDtypes,
  type PlacedTensor,
  partNames,
  partTensors,
  placeTensors,
  type Quantisation,
  quantisationObstacle,
  TENSOR_ALIGNMENT,
  type TensorSpec,
  tensorBytes,
} from './pack-layout.ts'
export {
  mostPlacesBytes,
  type PackPiece,
  type PackPlaces,
  parsePackPlaces,
  pieceBytes,
  piecesOf,
  placesName,
} from './pack-places.ts'
export { parseManifest } from './parse-manifest.ts'
export {
  dequantiseQ4,
  dequantiseQ8,
  QUANTISATION_BLOCK,
  type QuantisedWeights,
  quantiseQ4,
  quantiseQ8,
} from './quantise.ts'
export {
  MAX_SAFETENSORS_HEADER,
  parseSafetensorsHeader,
  type SafetensorsEntry,
  safetensorsHeaderBytes,
} from './safetensors-header.ts'
export { kvBytesPerToken, packBytes, partsFor, sliceBytes } from './slice-bytes.ts'
export {
  type CheckpointNaming,
  headName,
  isSpareTensor,
  type SourcePiece,
  sourcePieces,
  splitRotaryRows,
} from './source-tensors.ts'
export { decodeWeights, encodeWeights, type PackedWeights, type SourceType, sourceBytes } from './source-weights.ts'
