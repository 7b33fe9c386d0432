import { expect, test } from 'vitest'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLayers,
  formatMs,
  formatShare,
  formatSpeed,
  formatTokensPerSecond,
  nameLayers,
  shortPeer,
} from './format-number.ts'
import { parseSize } from './parse-size.ts'

const plain = (text: string) => text.replaceAll('\u202f', ' ')

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [999.7, '1.00 kB'],
  [1_234_567, '1.23 MB'],
  [12_345_678, '12.3 MB'],
  [123_456_789, '123 MB'],
  [999_600_000, '1.00 GB'],
  [1.5e9, '1.50 GB'],
])('%d bytes read %s', (bytes, text) => {
  expect(plain(formatBytes(bytes))).toBe(text)
})

test.each([
  [0.84, '0.84 ms'],
  [23.14, '23.1 ms'],
  [182.4, '182 ms'],
  [999.7, '1.00 s'],
  [12_340, '12.3 s'],
  [null, '–'],
])('%s ms reads %s', (ms, text) => {
  expect(plain(formatMs(ms))).toBe(text)
})

test.each([
  [400, '0 s'],
  [59_400, '59 s'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 05 min'],
])('%d ms left reads %s', (ms, text) => {
  expect(plain(formatDuration(ms))).toBe(text)
})

test('rates, counts and shares carry their units; what was not measured is a dash', () => {
  expect(plain(formatSpeed(812_000))).toBe('812 kB/s')
  expect(formatSpeed(null)).toBe('–')
  expect(plain(formatTokensPerSecond(41.66))).toBe('41.7 tokens/s')
  expect(formatTokensPerSecond(null)).toBe('–')
  expect(formatCount(12_408)).toBe('12,408')
  expect(plain(formatShare(0.418))).toBe('42 %')
})

test('half-open layers are written as people count them', () => {
  expect(formatLayers({ start: 0, end: 4 })).toBe('0–3')
  expect(formatLayers({ start: 5, end: 6 })).toBe('5')
  expect(nameLayers({ start: 0, end: 4 })).toBe('Layers 0–3')
  expect(nameLayers({ start: 5, end: 6 })).toBe('Layer 5')
})

test('a peer is told by its wallet and its tab', () => {
  expect(shortPeer(`0x${'ab'.repeat(20)}.12345678`)).toBe('0xabab·1234')
  expect(shortPeer('a-name-of-another-kind')).toBe('a-name-of-an')
})

test.each([
  ['512MB', 512e6],
  ['1.5 GB', 1.5e9],
  ['2GiB', 2 ** 31],
  ['1048576', 1_048_576],
  ['0', null],
  ['plenty', null],
  ['-5MB', null],
  ['5 parsecs', null],
  ['', null],
])('the size %j is %s bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})
