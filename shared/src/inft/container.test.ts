import { describe, expect, it } from 'vitest'
import { fileRootOf } from '../storage0g/index.ts'
import { type ContainerPlace, mostContainerBytes, openContainer, sealContainer } from './container.ts'
import {
  describedSize,
  describeIntelligence,
  intelligenceBytes,
  type PoolIntelligence,
  parseIntelligence,
} from './pool-intelligence.ts'

const place: ContainerPlace = {
  chainId: 16602,
  contract: '0x34493302287308f565cf3409daadedf4c8895648',
  description: describeIntelligence(500),
}
const key = Uint8Array.from({ length: 32 }, (_, at) => at * 7)
const nonce = Uint8Array.from({ length: 12 }, (_, at) => at * 5)
const intelligence: PoolIntelligence = {
  version: 1,
  model: { id: 'story-15m', manifestSha256: 'ab'.repeat(32), layers: 6 },
  spans: [
    { firstLayer: 0, endLayer: 4 },
    { firstLayer: 4, endLayer: 6 },
  ],
  systemPrompt: 'Tell stories about a hedgehog.',
  policy: { pricePerSecondAtomic: '1000', stakeAtomic: '5000000', checkRate: 0.61 },
}
const plaintext = intelligenceBytes(intelligence)
const sealed = sealContainer({ ...place, plaintext, key, nonce })
const open = (container: Uint8Array, at: Partial<ContainerPlace> = {}, by = key) =>
  openContainer(container, by, { ...place, ...at })

describe('a container', () => {
  it('gives back what was sealed', () => {
    expect(parseIntelligence(open(sealed))).toEqual(intelligence)
    expect(sealed.length).toBe(4 + 1 + 1 + 12 + plaintext.length + 16)
    expect(new TextDecoder().decode(sealed)).not.toContain('hedgehog')
  })

  it('holds nothing as well as much', () => {
    for (const size of [0, 1, 100_000]) {
      const bytes = new Uint8Array(size).fill(3)
      expect(open(sealContainer({ ...place, plaintext: bytes, key, nonce }))).toEqual(bytes)
    }
    const most = new Uint8Array(mostContainerBytes)
    expect(() => sealContainer({ ...place, plaintext: most, key, nonce })).toThrow('would have')
  })

  it('fails to open with any one bit of any byte changed, in each region', () => {
    const end = sealed.length
    const regions = {
      magic: [0, 4],
      version: [4, 5],
      algorithm: [5, 6],
      nonce: [6, 18],
      ciphertext: [18, end - 16],
      tag: [end - 16, end],
    }
    for (const [region, [from, to]] of Object.entries(regions) as [string, [number, number]][]) {
      for (let at = from; at < to; at++) {
        const changed = sealed.slice()
        changed[at]! ^= 1 << (at % 8)
        expect(() => open(changed), `${region}, byte ${at}`).toThrow('no container')
      }
    }
  })

  it('fails to open shortened anywhere, lengthened, or empty', () => {
    for (let size = 0; size < sealed.length; size++) expect(() => open(sealed.slice(0, size))).toThrow('no container')
    expect(() => open(Uint8Array.from([...sealed, 0]))).toThrow('no container')
    expect(() => open(new Uint8Array(mostContainerBytes + 1))).toThrow('no container')
  })

  it('opens only with its key, on its chain, for its contract, as its entry', () => {
    const other = key.slice()
    other[31]! ^= 1
    expect(() => open(sealed, {}, other)).toThrow('no container')
    expect(() => open(sealed, {}, key.slice(1))).toThrow('no container')
    expect(() => open(sealed, { chainId: 16661 })).toThrow('no container')
    expect(() => open(sealed, { contract: `0x${'1'.repeat(40)}` })).toThrow('no container')
    expect(() => open(sealed, { description: 'prompt' })).toThrow('no container')
    expect(open(sealed, { contract: '0x34493302287308F565CF3409DAADEDF4C8895648' })).toEqual(plaintext)
  })

  it('does not open with the old key once it was encrypted anew, and has another root', () => {
    const nextKey = key.map(byte => byte ^ 0xff)
    const next = sealContainer({ ...place, plaintext, key: nextKey, nonce })
    expect(() => open(next)).toThrow('no container')
    expect(open(next, {}, nextKey)).toEqual(plaintext)
    expect(fileRootOf(next).root).not.toBe(fileRootOf(sealed).root)
  })
})

describe('a pool’s intelligence', () => {
  it('has a description that tells the size of its container', () => {
    expect(describedSize(describeIntelligence(1234))).toBe(1234)
    for (const other of [
      '',
      'computepool.intelligence.v1',
      'computepool.intelligence.v1/0',
      'other.v1/12',
      'computepool.intelligence.v1/1e9',
    ]) {
      expect(describedSize(other)).toBeNull()
    }
  })

  it('covers each layer once', () => {
    const withSpans =
      (...spans: [number, number][]) =>
      () =>
        intelligenceBytes({ ...intelligence, spans: spans.map(([firstLayer, endLayer]) => ({ firstLayer, endLayer })) })
    expect(withSpans([0, 6])).not.toThrow()
    expect(withSpans()).not.toThrow()
    for (const spans of [
      [[0, 5]],
      [[1, 6]],
      [
        [0, 3],
        [4, 6],
      ],
      [
        [0, 4],
        [3, 6],
      ],
      [
        [0, 0],
        [0, 6],
      ],
      [[0, 7]],
    ] as [number, number][][])
      expect(withSpans(...spans)).toThrow('each layer once')
  })

  it('is nothing else that somebody put into a container', () => {
    const encoded = (text: string) => new TextEncoder().encode(text)
    const extra = JSON.stringify({ ...intelligence, hfToken: 'secret' })
    for (const bytes of [encoded('{}'), encoded('no json'), encoded(extra), Uint8Array.from([0xff])]) {
      expect(() => parseIntelligence(bytes)).toThrow('does not hold')
    }
  })
})
