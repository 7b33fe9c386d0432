/**
 * What every artifact storage promises, as cases over a fresh, empty storage. Run over memory in vitest, and over OPFS and Cache
 * Storage in a real worker; it knows only the port.
 */
import type { ArtifactStorage } from '@computepool/shared/ports'

export interface StorageContractCase {
  readonly name: string
  /** `open` gives the storage under test; called again, it plays the next visit where `isResumable`. */
  run(open: () => Promise<ArtifactStorage>): Promise<void>
}

const digest = (digit: string): string => digit.repeat(64)
const bytesOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255)

function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [actual, expected].map(value => JSON.stringify(value instanceof Uint8Array ? [...value] : value))
  if (a !== b) throw new Error(`${what}: ${a?.slice(0, 200)} instead of ${b?.slice(0, 200)}`)
}

export const storageContract: readonly StorageContractCase[] = [
  {
    name: 'finds nothing that was not committed',
    async run(open) {
      const storage = await open()
      const partial = await storage.partial(digest('a'))
      await partial.append(bytesOf(100, 1))
      equal(await storage.has(digest('a')), null, 'size of an uncommitted file')
      await partial.close()
      equal(await storage.has(digest('a')), null, 'size of a closed partial file')
      equal(await storage.has(digest('b')), null, 'size of an unknown file')
    },
  },
  {
    name: 'gives back what was committed, any span in any order',
    async run(open) {
      const storage = await open()
      const partial = await storage.partial(digest('a'))
      const all = bytesOf(300_000, 7)
      for (let at = 0; at < all.length; at += 70_001) await partial.append(all.subarray(at, at + 70_001))
      equal(partial.sizeBytes, all.length, 'bytes appended')
      equal(await partial.read(69_990, 30), all.slice(69_990, 70_020), 'a span of the partial file')
      await partial.commit()
      equal(await storage.has(digest('a')), all.length, 'size')
      const reader = await storage.open(digest('a'))
      equal(reader.sizeBytes, all.length, 'size of the reader')
      for (const [offset, length] of [
        [299_990, 10],
        [0, 16],
        [70_000, 3],
        [140_000, 100],
      ] as const)
        equal(await reader.read(offset, length), all.slice(offset, offset + length), `bytes at ${offset}`)
      await reader.close()
    },
  },
  {
    name: 'keeps a closed partial file for the next visit, where it says so',
    async run(open) {
      const first = await open()
      const partial = await first.partial(digest('c'))
      await partial.append(bytesOf(50, 3))
      await partial.close()
      if (!first.isResumable) return
      const again = await (await open()).partial(digest('c'))
      equal(again.sizeBytes, 50, 'bytes kept')
      equal(await again.read(0, 50), bytesOf(50, 3), 'the bytes')
      await again.append(bytesOf(50, 4))
      await again.commit()
      equal(await (await open()).has(digest('c')), 100, 'size after the second visit')
    },
  },
  {
    name: 'starts over after clear, and forgets that it was committed',
    async run(open) {
      const storage = await open()
      const first = await storage.partial(digest('d'))
      await first.append(bytesOf(64, 1))
      await first.commit()
      const second = await storage.partial(digest('d'))
      await second.clear()
      equal(second.sizeBytes, 0, 'bytes after clear')
      await second.append(bytesOf(64, 2))
      await second.close()
      equal(await storage.has(digest('d')), null, 'unverified bytes of the same length')
    },
  },
  {
    name: 'lists and removes what is there, and removes what is not',
    async run(open) {
      const storage = await open()
      const partial = await storage.partial(digest('e'))
      await partial.append(bytesOf(10, 1))
      await partial.commit()
      const unfinished = await storage.partial(digest('f'))
      await unfinished.append(bytesOf(10, 1))
      await unfinished.close()
      equal([...(await storage.list())].sort(), [digest('e'), digest('f')], 'what is listed')
      await storage.remove(digest('e'))
      await storage.remove(digest('f'))
      await storage.remove(digest('0'))
      equal(await storage.has(digest('e')), null, 'size after removal')
      equal(await storage.list(), [], 'what is listed after removal')
    },
  },
  {
    name: 'lets one writer at a file at a time',
    async run(open) {
      const storage = await open()
      const first = await storage.partial(digest('a'))
      let hasSecond = false
      const second = storage.partial(digest('a')).then(partial => {
        hasSecond = true
        return partial
      })
      await first.append(bytesOf(20, 1))
      await new Promise<void>(resolve => {
        const other = storage.partial(digest('b'))
        other.then(partial => partial.close()).then(resolve)
      })
      equal(hasSecond, false, 'a second writer came in')
      await first.commit()
      await (await second).close()
      equal(await storage.has(digest('a')), 20, 'size after both')
    },
  },
  {
    name: 'can be read by one while another opens it to write',
    async run(open) {
      const storage = await open()
      const partial = await storage.partial(digest('a'))
      await partial.append(bytesOf(1000, 9))
      await partial.commit()
      const reader = await storage.open(digest('a'))
      const again = await storage.partial(digest('a'))
      equal(await reader.read(500, 20), bytesOf(1000, 9).slice(500, 520), 'bytes read meanwhile')
      await again.commit()
      equal(await reader.read(900, 20), bytesOf(1000, 9).slice(900, 920), 'bytes read after')
      await reader.close()
      equal(await storage.has(digest('a')), 1000, 'size')
    },
  },
]
