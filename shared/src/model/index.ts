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
