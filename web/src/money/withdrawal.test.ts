import { asComputePoolError } from '@computepool/shared/errors'
import { isAddress } from 'viem'
import { expect, test } from 'vitest'
import type { ChainEarnings } from './chain-port.ts'
import { availableAtomic, type WithdrawalParts, withdraw } from './withdrawal.ts'

const to = `0x${'ab'.repeat(20)}`
/** The EIP-55 form of an address, with one letter's case turned. */
const mistyped = '0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const hash = (digit: string): `0x${string}` => `0x${digit.repeat(64)}`
const earned: ChainEarnings = {
  balanceWei: 2_000_000_999_999_999_999n,
  claimableWei: 0n,
  isConnected: true,
  flowWei: 0n,
  receivedWei: 0n,
  memberFlowWei: 0n,
  units: 1n,
  totalUnits: 1n,
  funds: { usdcAtomic: 0n, nativeWei: 1n },
}

function run(chain: Partial<ChainEarnings>, change: Partial<WithdrawalParts> = {}) {
  const done: string[] = []
  const result = withdraw({
    to,
    amountAtomic: null,
    reads: { earnings: async () => ({ ...earned, ...chain }) },
    writes: {
      address: `0x${'9'.repeat(40)}`,
      isAddress: (text): text is `0x${string}` => isAddress(text),
      connectPool: async () => hash('0'),
      async claim() {
        done.push('claim')
        return hash('1')
      },
      async unwrapTo(address, amountWei) {
        done.push(`unwrap ${address} ${amountWei}`)
        return hash('2')
      },
    },
    askFaucet: async address => void done.push(`faucet ${address}`),
    onStep: step => done.push(`(${step})`),
    ...change,
  })
  return { result, done }
}

test('all of it is unwrapped straight to the address, in whole atomic units, rounded down', async () => {
  const { result, done } = run({})
  expect(await result).toEqual({ to, amountAtomic: 2_000_000n, transactions: [{ kind: 'unwrap', hash: hash('2') }] })
  expect(done).toEqual(['(unwrap)', `unwrap ${to} 2000000000000000000`])
})

test('what waits in the pool is claimed first, and only where it is needed', async () => {
  const waiting = { claimableWei: 10n ** 18n, isConnected: false }
  const { result, done } = run(waiting)
  expect((await result).transactions.map(({ kind }) => kind)).toEqual(['claim', 'unwrap'])
  expect(done.at(-1)).toBe(`unwrap ${to} 3000000000000000000`)
  const less = run(waiting, { amountAtomic: 1_500_000n })
  expect((await less.result).transactions.map(({ kind }) => kind)).toEqual(['unwrap'])
})

test('a key without gas asks the faucet first, where there is one', async () => {
  const funds = { usdcAtomic: 0n, nativeWei: 0n }
  const { result, done } = run({ funds })
  await result
  expect(done[1]).toBe(`faucet 0x${'9'.repeat(40)}`)
  const bare = run({ funds }, { askFaucet: null })
  await bare.result
  expect(bare.done).toEqual(['(unwrap)', expect.stringContaining('unwrap')])
})

test.each([
  ['no address', { to: '0x12' }],
  ['the address of nobody', { to: `0x${'0'.repeat(40)}` }],
  ['an address whose capital letters do not fit its digits', { to: mistyped }],
  ['more than there is', { amountAtomic: 3_000_001n }],
  ['nothing', { amountAtomic: 0n }],
])('%s is refused before anything moves, or is asked for', async (_name, change) => {
  const { result, done } = run({ claimableWei: 10n ** 18n, funds: { usdcAtomic: 0n, nativeWei: 0n } }, change)
  const error = asComputePoolError(await result.catch((thrown: unknown) => thrown))
  expect(error.code).toBe('input_invalid')
  expect(error.remedy).not.toBe('')
  expect(done).toEqual([])
})

test.each(['0x12', mistyped])('what is wrong with %s is told of its field', async address => {
  const { result } = run({}, { to: address })
  expect(asComputePoolError(await result.catch((thrown: unknown) => thrown)).context.param).toBe('to')
})

test('an address may be written in lower case, or with its checksum', async () => {
  for (const address of [mistyped.toLowerCase(), '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed']) {
    expect((await run({}, { to: ` ${address} ` }).result).to).toBe(address)
  }
})

test('less than an atomic unit is nothing to withdraw', () => {
  expect(availableAtomic({ balanceWei: 999_999_999_999n, claimableWei: 0n })).toBe(0n)
  expect(availableAtomic({ balanceWei: 999_999_999_999n, claimableWei: 1n })).toBe(1n)
})
