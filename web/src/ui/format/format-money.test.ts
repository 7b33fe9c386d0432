import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAtomic, formatWei, parseUsdc, plainAtomic, shortHex, steadyAtomic, steadyWei } from './format-money.ts'

const plain = (text: string) => text.replaceAll('\u202f', ' ')

test.each([
  [0n, '0.00'],
  [1n, '0.000001'],
  [10n, '0.00001'],
  [500_000n, '0.50'],
  [1_000_000n, '1.00'],
  [1_234_567n, '1.234567'],
  [1_230_000n, '1.23'],
  [1_203_000n, '1.203'],
  [1_234_567_890_123n, '1,234,567.890123'],
  [-5n, '−0.000005'],
])('%s atomic units are written %s', (amount, text) => {
  expect(plainAtomic(amount)).toBe(text)
})

test('what moves keeps its width, and nothing is rounded up', () => {
  expect(steadyAtomic(1_999_999n)).toBe('1.999999')
  expect(steadyAtomic(2_000_000n)).toBe('2.000000')
  expect(steadyWei(999_999_999_999_999_999n)).toBe('0.999999999')
  expect(plain(formatWei(1_999_999_999_999n, true))).toBe('0.000001 test USDC')
  expect(plain(formatAtomic(250_000n, false))).toBe('0.25 USDC')
})

test('what is written is read back, to the atomic unit', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), amount => {
      expect(parseUsdc(plainAtomic(amount).replaceAll(',', ''))).toBe(amount)
    }),
  )
})

test.each(['', '-1', '1e3', '0.1234567', 'a', '1.', '.5', '1 000'])('%j is no amount', text => {
  expect(parseUsdc(text)).toBeNull()
})

test('addresses and hashes keep both ends', () => {
  expect(shortHex(`0x${'a'.repeat(36)}beef`)).toBe('0xaaaa…beef')
})
