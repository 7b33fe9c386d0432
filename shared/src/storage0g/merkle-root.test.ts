import { describe, expect, it } from 'vitest'
import { createRootHasher, fileRootOf, paddedChunks } from './merkle-root.ts'

/** Roots that 0G's own SDK computes for these lengths. */
const vectors: readonly (readonly [number, string])[] = [
  [1, '0x71bfab3b73c19ec6548f3e1dcc56d9a8c7c66b51b71e4dbbfb1fc0e0bf2826ba'],
  [255, '0x126dccd8c3dcc7375b96fb4604a9b61ae72b2b869b6da58a868e59adda22a3be'],
  [256, '0xedf1c56924fa652f2b5d33af272bc44a20c49c0b25cb7628363bf8a4cdafee8c'],
  [257, '0x7ea7520214ca45edb7f0f74f219e68b1c07ccebd02bf44e83503e264733021c6'],
  [1000, '0xf7ab1cc568aef44e485cd3267bcc8c1851677b16b6174c99f321c3c49da4bf0f'],
  [4096, '0xc17c3c027b2ad5795f74bca0495d60ca5e0daaa64b38628b21cafd6efb43ddf5'],
  [4097, '0xb187870fd7c9056de1b1e168560a3e9fe9bc3116cc6ce5c60398042b0ab281e2'],
  [262144, '0xd91d4fbe931dad9d248e122f5110690dc8b062081085fa8c25ffbd5a121af8ba'],
  [262145, '0xb236481c8daf801365d17e798661a7b3a47de5d494a93400ad2cad0d0b322202'],
  [300000, '0x0fc83f510e1dcdb28672ec2e195d192263607887e6217395cee241fe03a68f3a'],
  [524288, '0xf5237ce69c3db595c16740a5b436f2460199206560d5d394ee6be77a26ebfe14'],
  [1048577, '0x163dcb8f745c328157d687bb214240054e2d4651d85c08a6abaf056988a7b835'],
  [5243003, '0x43eb3400a1684b85f5feddc2f9b6906a130d73c35811ab47ddb337d606ac309d'],
]
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (31 * at + 7) & 255)

describe('a file’s root', () => {
  it.each(vectors)('of %i bytes is the one that 0G’s SDK computes', (length, root) => {
    expect(fileRootOf(bytesOf(length))).toMatchObject({ root, sizeBytes: length })
  })

  it('is the same however the bytes arrive', () => {
    for (const [length, root] of vectors.filter(([length]) => length <= 300_000)) {
      for (const step of [1, 100, 255, 256, 257, 4_000, 70_000]) {
        if (length / step > 5_000) continue
        const hasher = createRootHasher()
        const bytes = bytesOf(length)
        for (let at = 0; at < length; at += step) hasher.append(bytes.subarray(at, at + step))
        hasher.append(new Uint8Array())
        expect([length, step, hasher.finish().root]).toEqual([length, step, root])
      }
    }
  })

  it('changes with every byte that there is, and not with zeros at the end of a chunk: keep the length', () => {
    const bytes = bytesOf(1000)
    const root = fileRootOf(bytes).root
    for (const at of [0, 255, 256, 767, 999]) {
      const other = bytes.slice()
      other[at]! ^= 1
      expect(fileRootOf(other).root).not.toBe(root)
    }
    const longer = new Uint8Array(1024)
    longer.set(bytes)
    expect(fileRootOf(longer).root).toBe(root)
  })

  it('comes with perfect subtrees that cover the padded file, tallest first', () => {
    for (const [length] of vectors.filter(([length]) => length <= 300_000)) {
      const heights = fileRootOf(bytesOf(length)).subtrees.map(({ height }) => height)
      expect(heights).toEqual([...heights].sort((a, b) => b - a))
      expect(new Set(heights).size).toBe(heights.length)
      expect(heights.reduce((sum, height) => sum + 2 ** height, 0)).toBe(paddedChunks(Math.ceil(length / 256)))
    }
  })

  it('is not there for nothing', () => {
    expect(() => fileRootOf(new Uint8Array())).toThrow('empty')
  })
})
