import { expect, it } from 'vitest'
import { fileRootOf, segmentBytes } from './merkle-root.ts'
import { isSegmentOf, proveSegment, segmentRoot, segmentSize, treeSegments } from './segment-proof.ts'

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (31 * at + 7) & 255)

function segmentsOf(bytes: Uint8Array) {
  const segments = Array.from({ length: treeSegments(bytes.length) }, (_, index) => {
    const data = new Uint8Array(segmentSize(bytes.length, index))
    data.set(bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes))
    return data
  })
  const roots = segments.map((data, index) => segmentRoot(bytes.length, index, data))
  return segments.map((data, index) => ({ index, data, proof: proveSegment(roots, index) }))
}

it('proves each segment of a file, and no other', () => {
  // One segment, two, three, five of which the last is short, and a file whose padding begins a segment of its own.
  for (const length of [1, 300_000, 600_000, 4 * segmentBytes + 1, 8 * segmentBytes + 1]) {
    const bytes = bytesOf(length)
    const file = fileRootOf(bytes)
    const segments = segmentsOf(bytes)
    for (const segment of segments) {
      expect([length, segment.index, isSegmentOf(file, segment)]).toEqual([length, segment.index, true])
    }
    const [first] = segments
    const other = segments.at(-1)!
    const changed = first!.data.slice()
    changed[0]! ^= 1
    expect(isSegmentOf(file, { ...first!, data: changed })).toBe(false)
    expect(isSegmentOf(file, { ...first!, data: first!.data.slice(1) })).toBe(false)
    expect(isSegmentOf(file, { ...first!, index: segments.length })).toBe(false)
    expect(isSegmentOf({ ...file, root: `0x${'11'.repeat(32)}` }, first!)).toBe(false)
    if (segments.length === 1) continue
    expect(isSegmentOf(file, { ...first!, index: 1 })).toBe(false)
    expect(isSegmentOf(file, { ...first!, proof: other.proof })).toBe(false)
    const { lemma, path } = first!.proof
    expect(isSegmentOf(file, { ...first!, proof: { lemma, path: path.map(isLeft => !isLeft) } })).toBe(false)
    expect(isSegmentOf(file, { ...first!, proof: { lemma: lemma.slice(0, -1), path } })).toBe(false)
    expect(isSegmentOf(file, { ...first!, proof: { lemma: [lemma[0]!], path: [] } })).toBe(false)
  }
})
