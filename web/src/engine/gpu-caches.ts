/**
 * Static caches in GPU buffers [1, kvHeads, capacity, headDim], one for each key and value of each layer, fed and fetched as the
 * same tensor. They grow by doubling, with copies on the GPU. It knows no steps.
 */
import { type CacheKeeper, doubledCapacity } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { FloatType } from '@computepool/shared/graph'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import type { Tensor } from 'onnxruntime-web'
import type { Ort } from './load-ort.ts'

export interface GpuCachesInput {
  readonly ort: Ort
  readonly device: GPUDevice
  readonly float: FloatType
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly smallestCapacity?: number
}

interface GpuCache {
  readonly capacity: number
  readonly buffers: readonly GPUBuffer[]
  readonly tensors: readonly Tensor[]
}

/** Errors: `engine_out_of_memory` where the device refuses a buffer. */
export function createGpuCaches(input: GpuCachesInput): CacheKeeper<GpuCache> {
  const { ort, device, float } = input
  const { kvHeads, headDim } = input.manifest.dimensions
  const count = 2 * (input.layers.end - input.layers.start)
  const rowBytes = headDim * (float === 'f32' ? 4 : 2)

  async function allocate(capacity: number): Promise<GpuCache> {
    const size = kvHeads * capacity * rowBytes
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    device.pushErrorScope('out-of-memory')
    const buffers = Array.from({ length: count }, () => device.createBuffer({ size, usage }))
    const refusal = await device.popErrorScope()
    if (refusal !== null) {
      for (const buffer of buffers) buffer.destroy()
      throw new ComputePoolError(
        'engine_out_of_memory',
        `The GPU refused ${count * size} bytes of cache: ${refusal.message}`,
        {
          remedy: 'Give this tab fewer layers, or a smaller cache budget.',
        },
      )
    }
    const dims = [1, kvHeads, capacity, headDim]
    const dataType = float === 'f32' ? 'float32' : 'float16'
    return { capacity, buffers, tensors: buffers.map(buffer => ort.Tensor.fromGpuBuffer(buffer, { dataType, dims })) }
  }

  function release(cache: GpuCache): void {
    for (const tensor of cache.tensors) tensor.dispose()
    for (const buffer of cache.buffers) buffer.destroy()
  }

  return {
    capacityFor: positions => doubledCapacity(positions, input.smallestCapacity),
    allocate,
    async resize(cache, { capacity, keep }) {
      const grown = await allocate(capacity)
      if (keep > 0) {
        const encoder = device.createCommandEncoder()
        for (const [i, source] of cache.buffers.entries()) {
          for (let head = 0; head < kvHeads; head++) {
            const [from, to] = [head * cache.capacity * rowBytes, head * capacity * rowBytes]
            encoder.copyBufferToBuffer(source, from, grown.buffers[i]!, to, keep * rowBytes)
          }
        }
        device.queue.submit([encoder.finish()])
      }
      release(cache)
      return grown
    },
    release,
    past: cache => cache.tensors,
    present: cache => cache.tensors,
    absorb: () => undefined,
  }
}
