/** The manifest's door: schema first, then the sums that a schema cannot do. It fetches nothing and verifies no digest. */
import { ComputePoolError } from '../errors/index.ts'
import { type Manifest, manifestSchema, type PackPart, type SelfTestGolden } from './manifest.ts'
import { partNames, partTensors, quantisationObstacle, TENSOR_ALIGNMENT, tensorBytes } from './pack-layout.ts'

function refuse(field: string, reason: string): never {
  throw new ComputePoolError('artifact_invalid', `The pack's manifest is wrong at "${field}": ${reason}.`, {
    remedy: 'Pack the model again, or ask whoever serves the pack to do so.',
    context: { param: field },
  })
}

/**
 * `data` (parsed JSON of unknown shape) as a manifest whose parts are complete, disjoint and of the right shapes.
 * Errors: `artifact_invalid`, naming the field in `context.param`.
 */
export function parseManifest(data: unknown): Manifest {
  const parsed = manifestSchema.safeParse(data)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    refuse(fieldPath(issue.path) || 'manifest', issue.message)
  }
  const manifest = parsed.data
  checkShape(manifest)
  checkParts(manifest)
  checkTokenIds(manifest)
  if (manifest.selfTest) checkSelfTest(manifest, manifest.selfTest)
  return manifest
}

function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map(key => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

function checkShape(manifest: Manifest): void {
  const { heads, kvHeads, headDim } = manifest.dimensions
  if (heads % kvHeads !== 0)
    refuse('dimensions.kvHeads', `${heads} heads cannot share ${kvHeads} key-value heads evenly`)
  if (headDim % 2 !== 0) refuse('dimensions.headDim', `rotary positions need an even size, and it is ${headDim}`)
  const biasWanted = manifest.architecture === 'qwen2'
  if (manifest.attentionBias !== biasWanted) refuse('attentionBias', `${manifest.architecture} has it ${biasWanted}`)
  const normWanted = manifest.architecture === 'qwen3'
  if (manifest.qkNorm !== normWanted) refuse('qkNorm', `${manifest.architecture} has it ${normWanted}`)
  const obstacle = quantisationObstacle(manifest, manifest.quantisation)
  if (obstacle) refuse('quantisation', obstacle)
}

function checkParts(manifest: Manifest): void {
  const wanted = partNames(manifest.dimensions.layers)
  const found = new Map<string, PackPart>()
  const paths = new Set<string>()
  manifest.parts.forEach((part, index) => {
    if (found.has(part.name)) refuse(`parts[${index}].name`, `"${part.name}" is listed twice`)
    if (paths.has(part.path)) refuse(`parts[${index}].path`, `"${part.path}" serves two parts`)
    found.set(part.name, part)
    paths.add(part.path)
  })
  const missing = wanted.find(name => !found.has(name))
  if (missing) refuse('parts', `"${missing}" is missing`)
  if (found.size !== wanted.length) {
    const extra = manifest.parts.findIndex(part => !wanted.includes(part.name))
    refuse(
      `parts[${extra}].name`,
      `a model of ${manifest.dimensions.layers} layers has no "${manifest.parts[extra]!.name}"`,
    )
  }
  manifest.parts.forEach((part, index) => {
    checkTensors(manifest, part, `parts[${index}]`)
  })
}

function checkTensors(manifest: Manifest, part: PackPart, at: string): void {
  const wanted = partTensors(manifest, manifest.quantisation, part.name)
  if (part.tensors.length !== wanted.length)
    refuse(`${at}.tensors`, `"${part.name}" has ${part.tensors.length} tensors where ${wanted.length} belong`)
  let end = 0
  part.tensors.forEach((tensor, index) => {
    const spec = wanted[index]!
    const field = `${at}.tensors[${index}]`
    if (tensor.name !== spec.name) refuse(`${field}.name`, `it is "${tensor.name}" where "${spec.name}" belongs`)
    if (tensor.dtype !== spec.dtype)
      refuse(`${field}.dtype`, `"${spec.name}" is ${tensor.dtype} where ${spec.dtype} belongs`)
    if (tensor.shape.join() !== spec.shape.join())
      refuse(`${field}.shape`, `"${spec.name}" is [${tensor.shape}] where the dimensions make it [${spec.shape}]`)
    const bytes = tensorBytes(spec.dtype, spec.shape)
    if (tensor.sizeBytes !== bytes)
      refuse(`${field}.sizeBytes`, `it says ${tensor.sizeBytes} where the shape makes it ${bytes}`)
    if (tensor.offset % TENSOR_ALIGNMENT !== 0)
      refuse(`${field}.offset`, `${tensor.offset} is not a multiple of ${TENSOR_ALIGNMENT}`)
    if (tensor.offset < end)
      refuse(`${field}.offset`, `${tensor.offset} lies inside the tensor before it, which ends at ${end}`)
    end = tensor.offset + bytes
    if (end > part.sizeBytes) refuse(`${field}.offset`, `it ends at ${end}, past the part's ${part.sizeBytes} bytes`)
  })
}

function checkTokenIds(manifest: Manifest): void {
  const { vocab } = manifest.dimensions
  const check = (ids: readonly number[], field: string) => {
    const index = ids.findIndex(id => id >= vocab)
    if (index >= 0) refuse(`${field}[${index}]`, `token ${ids[index]} is outside the vocabulary of ${vocab}`)
  }
  check(manifest.tokenizer.stopTokens, 'tokenizer.stopTokens')
  check(manifest.selfTest?.tokens ?? [], 'selfTest.tokens')
  check(manifest.selfTest?.argmax ?? [], 'selfTest.argmax')
}

function checkSelfTest(manifest: Manifest, golden: SelfTestGolden): void {
  const { layers, hidden } = manifest.dimensions
  if (golden.boundaries.length !== layers + 1)
    refuse(
      'selfTest.boundaries',
      `${golden.boundaries.length} files where ${layers} layers have ${layers + 1} boundaries`,
    )
  if (golden.argmax.length !== golden.tokens.length)
    refuse('selfTest.argmax', `${golden.argmax.length} entries for ${golden.tokens.length} tokens`)
  const bytes = tensorBytes(golden.dtype, [golden.tokens.length, hidden])
  const wrong = golden.boundaries.findIndex(file => file.sizeBytes !== bytes)
  if (wrong >= 0)
    refuse(`selfTest.boundaries[${wrong}].sizeBytes`, `${golden.boundaries[wrong]!.sizeBytes} where ${bytes} belong`)
}
