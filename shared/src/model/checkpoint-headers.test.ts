import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseGgufHeader } from './gguf-header.ts'
import { parseSafetensorsHeader, safetensorsHeaderBytes } from './safetensors-header.ts'

const text = new TextEncoder()
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'artifact_invalid', message: expect.stringMatching(message) })

describe('safetensors header', () => {
  const parse = (header: unknown, dataBytes = 64) => {
    const json = text.encode(typeof header === 'string' ? header : JSON.stringify(header))
    return parseSafetensorsHeader(json, 'model.safetensors', 8 + json.length + dataBytes)
  }
  const entry = (shape: number[], from: number, to: number, dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [from, to],
  })

  it('tells where tensors lie', () => {
    const json = JSON.stringify({
      __metadata__: { format: 'pt' },
      a: entry([2, 4], 0, 32),
      b: entry([16], 32, 64, 'BF16'),
    })
    const found = parse(json)
    expect(found.get('a')).toEqual({ dtype: 'F32', shape: [2, 4], offset: 8 + json.length, sizeBytes: 32 })
    expect(found.get('b')).toEqual({ dtype: 'BF16', shape: [16], offset: 8 + json.length + 32, sizeBytes: 32 })
    expect(found.has('__metadata__')).toBe(false)
  })

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{"a":', /not JSON/],
    ['a list', [], /not an object/],
    ['a negative offset', { a: entry([4], -16, 0) }, /malformed/],
    ['a fractional shape', { a: entry([1.5], 0, 6) }, /malformed/],
    ['an enormous shape', { a: entry([2 ** 40, 2 ** 40], 0, 64) }, /spans 64 bytes/],
    ['an end before the beginning', { a: entry([4], 16, 0) }, /outside the file/],
    ['an end past the file', { a: entry([32], 0, 128) }, /outside the file/],
    ['a size that contradicts the shape', { a: entry([4], 0, 12) }, /spans 12 bytes/],
    ['an overlap', { a: entry([8], 0, 32), b: entry([8], 16, 48) }, /overlaps/],
    ['an entry that is none', { a: 7 }, /malformed/],
  ])('refuses %s', (_, header, message) => {
    expect(() => parse(header)).toThrowError(invalid(message))
  })

  it('refuses a length that the file has not', () => {
    const first8 = (length: bigint) => {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setBigUint64(0, length, true)
      return bytes
    }
    expect(safetensorsHeaderBytes(first8(100n), 'm', 108)).toBe(100)
    expect(() => safetensorsHeaderBytes(first8(100n), 'm', 107)).toThrowError(invalid(/more than the file has/))
    expect(() => safetensorsHeaderBytes(first8(2n ** 63n), 'm', 2 ** 50)).toThrowError(
      invalid(/claims 9223372036854775808 bytes/),
    )
    expect(() => safetensorsHeaderBytes(new Uint8Array(3), 'm', 3)).toThrowError(invalid(/only 3 bytes/))
  })
})

/** A GGUF header written field by field. */
function gguf() {
  const bytes: number[] = []
  const number = (value: bigint | number, width: number) => {
    for (let i = 0n; i < BigInt(width); i++) bytes.push(Number((BigInt(value) >> (8n * i)) & 255n))
  }
  const builder = {
    u32: (value: number) => {
      number(value, 4)
      return builder
    },
    u64: (value: bigint | number) => {
      number(value, 8)
      return builder
    },
    text: (value: string) => {
      number(value.length, 8)
      bytes.push(...text.encode(value))
      return builder
    },
    done: () => Uint8Array.from(bytes),
  }
  return builder
}
const start = (tensors: bigint | number, entries: bigint | number, version = 3) =>
  gguf().u32(0x46554747).u32(version).u64(tensors).u64(entries)
const tensor = (header: ReturnType<typeof gguf>, name: string, shape: number[], type: number, offset: number) => {
  header.text(name).u32(shape.length)
  for (const size of shape) header.u64(size)
  return header.u32(type).u64(offset)
}

describe('GGUF header', () => {
  it.each([2, 3])('tells metadata and tensors of version %i, outermost dimension first', version => {
    const bytes = tensor(
      start(1, 2, version)
        .text('general.architecture')
        .u32(8)
        .text('llama')
        .text('list')
        .u32(9)
        .u32(4)
        .u64(2)
        .u32(5)
        .u32(6),
      'w',
      [64, 288],
      8,
      32,
    ).done()
    const found = parseGgufHeader(bytes, 'm.gguf', 1_000_000)
    const dataStart = Math.ceil(bytes.length / 32) * 32
    expect(found).toEqual({
      version,
      metadata: new Map<string, unknown>([
        ['general.architecture', 'llama'],
        ['list', [5, 6]],
      ]),
      tensors: new Map([['w', { type: 'Q8_0', shape: [288, 64], offset: dataStart + 32 }]]),
    })
  })

  it('asks for more bytes where it is cut, at every length', () => {
    const bytes = tensor(start(1, 1).text('name').u32(8).text('value'), 'w', [64], 0, 0).done()
    for (let length = 0; length < bytes.length; length++) {
      const found = parseGgufHeader(bytes.subarray(0, length), 'm.gguf', 10_000)
      expect(found).toHaveProperty('needsBytes')
      expect((found as { needsBytes: number }).needsBytes).toBeGreaterThan(length)
    }
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['another magic', gguf().u32(0x12345678).u32(3).u64(0).u64(0).done(), /does not begin/],
    ['version 1', start(0, 0, 1).done(), /its version is 1/],
    ['big-endian', gguf().u32(0x46554747).u32(0x03000000).u64(0).u64(0).done(), /big-endian/],
    ['a billion tensors', start(10n ** 9n, 0).done(), /claims 1000000000 tensors/],
    ['2^64 - 1 metadata entries', start(0, 2n ** 64n - 1n).done(), /metadata entries/],
    [
      'a text of a terabyte',
      start(0, 1)
        .u64(2n ** 40n)
        .done(),
      /bytes of text/,
    ],
    [
      'a list of a trillion',
      start(0, 1)
        .text('a')
        .u32(9)
        .u32(0)
        .u64(10n ** 12n)
        .done(),
      /values in "a"/,
    ],
    ['lists of lists', start(0, 1).text('a').u32(9).u32(9).u64(1).done(), /array of arrays/],
    ['an unknown type of value', start(0, 1).text('a').u32(77).done(), /type 77/],
    ['a key twice', start(0, 2).text('a').u32(4).u32(1).text('a').u32(4).u32(1).done(), /there twice/],
    ['nine dimensions', start(1, 0).text('w').u32(9).done(), /9 dimensions/],
    ['an offset past the file', tensor(start(1, 0), 'w', [64], 0, 2 ** 40).done(), /outside the file/],
    ['an offset off the grid', tensor(start(1, 0), 'w', [64], 0, 7).done(), /not aligned/],
    ['a strange alignment', start(0, 1).text('general.alignment').u32(4).u32(3).done(), /alignment is 3/],
    ['a header longer than the file', start(1, 0).done(), /past the end/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseGgufHeader(bytes, 'm.gguf', bytes.length)).toThrowError(invalid(message))
  })

  it('never crashes on mutated headers', () => {
    const bytes = tensor(
      start(1, 2)
        .text('general.architecture')
        .u32(8)
        .text('llama')
        .text('list')
        .u32(9)
        .u32(8)
        .u64(2)
        .text('x')
        .text('y'),
      'w',
      [64, 2],
      8,
      0,
    ).done()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        changes => {
          const mutated = bytes.slice()
          for (const [at, value] of changes) mutated[at] = value
          try {
            parseGgufHeader(mutated, 'm.gguf', 10_000)
          } catch (error) {
            expect(error).toMatchObject({ code: 'artifact_invalid' })
          }
        },
      ),
      { numRuns: 5000 },
    )
  })
})
