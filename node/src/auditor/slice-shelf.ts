/**
 * One shelf of loaded slices for several peers of a process: who asks for layers that are held already shares them, and what nobody uses stays
 * until its memory is wanted. It knows engines and sizes, and nobody's work.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { partsFor } from '@computepool/shared/model'
import type { Engine, SliceRequest } from '@computepool/shared/ports'

export interface SliceShelf {
  /** To be closed by whoever got it; the others go on. Errors: `engine_out_of_memory` where all that is held is used; those of loading. */
  open(slice: SliceRequest): Promise<Engine>
  /** Once for each slice that was loaded, whoever asks: a slice that proved itself need not do so again. */
  proveOnce(engine: Engine, prove: () => Promise<void>): Promise<void>
  /** Slices that are held, used or not. */
  readonly size: number
  close(): Promise<void>
}

export interface SliceShelfOptions {
  readonly memoryBudgetBytes: number
  readonly open: (slice: SliceRequest) => Promise<Engine>
}

interface Held {
  readonly slice: SliceRequest
  /** Packed, until it is known what it takes unpacked. */
  sizeBytes: number
  readonly opening: Promise<Engine>
  users: number
  proved: Promise<void> | null
}

export function createSliceShelf({ memoryBudgetBytes, open }: SliceShelfOptions): SliceShelf {
  /** Who was used longest ago first. */
  const shelf = new Set<Held>()
  const lent = new WeakMap<Engine, Held>()
  const usedBytes = (): number => [...shelf].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

  async function discard(held: Held): Promise<void> {
    shelf.delete(held)
    await held.opening.then(engine => engine.close()).catch(() => {})
  }

  async function discardUnused(sizeBytes: number): Promise<void> {
    for (const held of [...shelf]) {
      if (usedBytes() + sizeBytes <= memoryBudgetBytes) return
      if (held.users === 0) await discard(held)
    }
  }

  async function makeRoom(sizeBytes: number): Promise<void> {
    await discardUnused(sizeBytes)
    if (usedBytes() + sizeBytes <= memoryBudgetBytes) return
    throw new ComputePoolError(
      'engine_out_of_memory',
      `A slice of ${sizeBytes} bytes was wanted beside ${usedBytes()} that are used; ${memoryBudgetBytes} may be.`,
      { remedy: 'Offer more memory with --memory, or fewer auditors with --count.', context: { sizeBytes } },
    )
  }

  function load(slice: SliceRequest): Held {
    const held: Held = { slice, sizeBytes: bytesOf(slice), opening: open(slice), users: 0, proved: null }
    shelf.add(held)
    held.opening.then(
      engine => {
        held.sizeBytes = Math.max(held.sizeBytes, engine.memory().weightsBytes + slice.kvBudgetBytes)
        void engine.lost.then(() => shelf.delete(held))
      },
      () => shelf.delete(held),
    )
    return held
  }

  let turn: Promise<unknown> = Promise.resolve()

  async function take(slice: SliceRequest): Promise<Held> {
    const known = [...shelf].find(held => doesFor(held.slice, slice))
    if (known === undefined) await makeRoom(bytesOf(slice))
    const held = known ?? load(slice)
    held.users += 1
    shelf.delete(held)
    shelf.add(held)
    return held
  }

  return {
    async open(slice) {
      // Two who ask at once for the same get the same.
      const taking = turn.then(() => take(slice))
      turn = taking.catch(() => {})
      const held = await taking
      let isReturned = false
      try {
        const engine = await held.opening
        await discardUnused(0)
        const loan: Engine = {
          ...engine,
          async close() {
            if (isReturned) return
            isReturned = true
            held.users -= 1
          },
        }
        lent.set(loan, held)
        return loan
      } catch (thrown) {
        held.users -= 1
        throw thrown
      }
    },
    async proveOnce(engine, prove) {
      const held = lent.get(engine)
      if (held === undefined) return prove()
      held.proved ??= prove()
      try {
        await held.proved
      } catch (thrown) {
        await discard(held)
        throw thrown
      }
    },
    get size() {
      return shelf.size
    },
    async close() {
      for (const held of [...shelf]) await discard(held)
    },
  }
}

function bytesOf({ manifest, layers, kvBudgetBytes }: SliceRequest): number {
  return partsFor(manifest, layers).reduce((sum, { sizeBytes }) => sum + sizeBytes, kvBudgetBytes)
}

function doesFor(held: SliceRequest, wanted: SliceRequest): boolean {
  return (
    held.manifest === wanted.manifest &&
    held.layers.start === wanted.layers.start &&
    held.layers.end === wanted.layers.end &&
    held.kvBudgetBytes >= wanted.kvBudgetBytes &&
    held.maxContext >= wanted.maxContext
  )
}
