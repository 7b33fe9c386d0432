// @vitest-environment happy-dom
import { ComputePoolError } from '@computepool/shared/errors'
import type { Earnings } from '@computepool/shared/money'
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test } from 'vitest'
import { createFakeMoney, type FakeMoney, idleEarnings, payerAccount } from '../testing/fake-money.ts'
import { stubFrames } from '../testing/manual-frames.ts'
import { renderPage } from '../testing/render-page.tsx'
import { barsOf, chartHeight } from './day-bars.ts'
import { todayWei } from './today.ts'

const drawFrame = stubFrames()
afterEach(cleanup)

const plain = (element: HTMLElement) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))
const usdc = 10n ** 18n
const to = `0x${'ab'.repeat(20)}`

const history: Earnings = {
  operator: payerAccount.address,
  units: 10,
  totalUnits: 20,
  pool: `0x${'4'.repeat(40)}`,
  isConnected: true,
  receivedWei: 3n * usdc,
  perSecondWei: 0n,
  days: [
    { day: '2026-01-01', amountWei: usdc },
    { day: '2026-01-02', amountWei: 0n },
    { day: '2026-01-03', amountWei: 2n * usdc },
  ],
  requests: [{ requestId: 'chatcmpl-0011223344', atMs: 1_700_000_000_000, amountWei: usdc / 2n }],
}

async function open(chain: Partial<typeof idleEarnings> = {}, arrange: (money: FakeMoney) => void = () => {}) {
  const money = createFakeMoney()
  money.chain = { ...idleEarnings, ...chain }
  money.client.earnings = async () => history
  arrange(money)
  renderPage('/operate', { money })
  await screen.findByTestId('earnings-balance')
  await settle()
  return money
}

const violations = async () => {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

async function ask() {
  fireEvent.change(screen.getByTestId('withdraw-to'), { target: { value: to } })
  fireEvent.click(screen.getByTestId('withdraw'))
}

test('the balance ticks each frame by the chain’s own rate, the total by the pool’s', async () => {
  const flow = { flowWei: usdc / 1000n, memberFlowWei: usdc / 1000n }
  const money = await open({ balanceWei: usdc, receivedWei: 5n * usdc, ...flow })
  const wei = (id: string) => BigInt(screen.getByTestId(id).dataset.wei ?? '0')
  expect([wei('earnings-balance'), wei('earnings-total')]).toEqual([usdc, 5n * usdc])
  money.setNow(2_500)
  drawFrame()
  expect(wei('earnings-balance')).toBe(usdc + (usdc * 25n) / 10_000n)
  expect(wei('earnings-total')).toBe(5n * usdc + (usdc * 25n) / 10_000n)
  expect(plain(screen.getByTestId('earnings-balance'))).toBe('1.002500000')
  expect(plain(screen.getByTestId('earnings-rate'))).toBe('0.06 test USDC/min')
  expect(plain(screen.getByTestId('earnings'))).toContain('10 of 20 units: 50 % of what the coalition is paid')
})

test('days are a drawing and the same as a table; requests are listed', async () => {
  await open()
  expect(screen.getByRole('img', { name: /most on 2026-01-03, 2.00.test USDC/ })).toBeTruthy()
  fireEvent.click(screen.getByTestId('days-table'))
  const rows = within(screen.getByRole('table', { name: 'By day' }))
    .getAllByRole('row')
    .map(plain)
  expect(rows.slice(1)).toEqual(['2026-01-032.00 test USDC', '2026-01-020.00 test USDC', '2026-01-011.00 test USDC'])
  expect(plain(screen.getByTestId('earnings-requests'))).toContain('0.50 test USDC')
})

test('axe finds nothing, with and without the table', async () => {
  await open({ isConnected: false, claimableWei: usdc })
  expect(await violations()).toEqual([])
  fireEvent.click(screen.getByTestId('days-table'))
  await ask()
  expect(await violations()).toEqual([])
})

test('a withdrawal is looked at before it goes, goes once, and is shown with its transaction', async () => {
  const money = await open({ balanceWei: 2n * usdc + 5n })
  await ask()
  expect(money.writes).toEqual([])
  expect(plain(screen.getByRole('alert'))).toContain('All of it, 2.00 test USDC')
  expect(plain(screen.getByRole('alert'))).toContain('It cannot be called back.')
  const confirm = screen.getByTestId('withdraw-confirm')
  fireEvent.click(confirm)
  fireEvent.click(confirm)
  await settle()
  expect(money.writes).toEqual([`unwrap ${to} ${2n * usdc}`])
  expect(screen.getByTestId('withdraw-result').dataset.atomic).toBe('2000000')
  expect(screen.getByTestId('withdraw-tx').dataset.hash).toBe(`0x${'1'.repeat(64)}`)
})

test('what waits in the pool is told, connected in one step, or claimed by a withdrawal', async () => {
  const money = await open({ balanceWei: 0n, claimableWei: usdc, isConnected: false })
  expect(screen.getByTestId('pool-connection').dataset.connected).toBe('false')
  expect(plain(screen.getByTestId('pool-connection'))).toContain('1.00 test USDC wait there for this key')
  expect(BigInt(screen.getByTestId('earnings-balance').dataset.wei ?? '0')).toBe(usdc)
  fireEvent.click(screen.getByTestId('connect-pool'))
  await settle()
  await ask()
  fireEvent.click(screen.getByTestId('withdraw-confirm'))
  await settle()
  expect(money.writes).toEqual(['connect', 'claim', `unwrap ${to} ${usdc}`])
})

test('a key without gas is told that the faucet gives it', async () => {
  const money = await open({ balanceWei: usdc, funds: { usdcAtomic: 0n, nativeWei: 0n } })
  await ask()
  expect(plain(screen.getByRole('alert'))).toContain('The faucet gives this key its gas first.')
  fireEvent.click(screen.getByTestId('withdraw-confirm'))
  await settle()
  expect(money.client.calls).toContain(`faucet ${payerAccount.address}`)
})

test.each([
  ['', '0x12', 'Enter the address'],
  ['9', to, 'more than there is'],
  ['0.1234567', to, 'up to six decimals'],
])('an amount of %j to %j is not asked for', async (amount, address, words) => {
  await open({ balanceWei: usdc })
  fireEvent.change(screen.getByTestId('withdraw-to'), { target: { value: address } })
  fireEvent.change(screen.getByTestId('withdraw-amount'), { target: { value: amount } })
  expect(screen.getByTestId('withdraw').hasAttribute('disabled')).toBe(true)
  expect(plain(screen.getByTestId('withdraw-status'))).toContain(words)
})

test('an address that was mistyped is said to be so at its field, before anything is asked of faucet or chain', async () => {
  const money = await open({ balanceWei: usdc, claimableWei: usdc, funds: { usdcAtomic: 0n, nativeWei: 0n } })
  const field = screen.getByTestId('withdraw-to')
  const write = (value: string) => fireEvent.change(field, { target: { value } })
  write('0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed')
  const problem = screen.getByTestId('withdraw-to-problem')
  expect(problem.dataset.code).toBe('input_invalid')
  expect(plain(problem)).toContain('mistyped')
  expect(field.getAttribute('aria-invalid')).toBe('true')
  expect(field.getAttribute('aria-describedby')).toBe(problem.id)
  expect(screen.getByTestId('withdraw').hasAttribute('disabled')).toBe(true)
  expect(await violations()).toEqual([])
  fireEvent.submit(field.closest('form') as HTMLFormElement)
  expect(screen.queryByTestId('withdraw-confirm')).toBeNull()
  expect([money.writes, money.client.calls]).toEqual([[], []])
  write('0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed')
  expect(screen.queryByTestId('withdraw-to-problem')).toBeNull()
  expect(screen.getByTestId('withdraw').hasAttribute('disabled')).toBe(false)
})

test('today is not measured before the history was read; the rate is the one by which the balance grows', async () => {
  const flow = { flowWei: 2n * 10n ** 15n, memberFlowWei: 10n ** 15n }
  await open({ balanceWei: usdc, ...flow }, money => {
    money.client.earnings = () => new Promise<Earnings>(() => {})
  })
  expect(plain(screen.getByTestId('earnings-today'))).toBe('–')
  expect(screen.getByTestId('earnings-today').dataset.wei).toBeUndefined()
  expect(screen.getByTestId('earnings-rate').dataset.wei).toBe(String(flow.flowWei))
  expect(plain(screen.getByTestId('earnings-rate'))).toBe('0.12 test USDC/min')
})

test('what the chain refuses is shown with its remedy, and nothing is claimed to be sent', async () => {
  await open({ balanceWei: usdc }, money => {
    money.onWrite = () => {
      throw new ComputePoolError('chain_underfunded', 'Too little gas.', { remedy: 'Send it some.' })
    }
  })
  await ask()
  fireEvent.click(screen.getByTestId('withdraw-confirm'))
  await settle()
  expect(screen.getByTestId('error').dataset.code).toBe('chain_underfunded')
  expect(plain(screen.getByTestId('error'))).toContain('Send it some.')
  expect(screen.queryByTestId('withdraw-result')).toBeNull()
})

test('what 0G’s users paid has a line of its own, and only where the pool serves them', async () => {
  await open()
  expect(screen.queryByTestId('zerog-earnings')).toBeNull()
  cleanup()
  const asked: string[] = []
  await open({}, money => {
    money.client.zerogEarnings = async operator => {
      asked.push(operator)
      const [coin, none] = [10n ** 18n, '0']
      const own = {
        wallet: operator,
        owedNeuron: String(coin / 400n),
        sendingNeuron: none,
        paidNeuron: String(2n * coin),
        doubtedNeuron: String(coin / 200n),
      }
      return {
        ...{ chainId: 16602, provider: to, cutBasisPoints: 0, payoutAtNeuron: String(coin / 100n) },
        ...{ receivedNeuron: none, gasNeuron: none, cutNeuron: none, carriedNeuron: none },
        operators: [{ ...own, wallet: to, owedNeuron: '7' }, own],
      }
    }
  })
  const line = await screen.findByTestId('zerog-earnings')
  expect(asked).toEqual([screen.getByTestId('earnings').dataset.operator])
  expect(plain(line)).toContain('0.0025 0G owed, 2.00 0G paid')
  expect(plain(line)).toContain('; 0.005 0G sent, and nobody can see whether it arrived. It is paid from 0.01 0G on.')
})

test('in free mode one line says that operators are not paid', async () => {
  renderPage('/operate')
  await settle()
  expect(plain(screen.getByTestId('free-mode'))).toContain('operators are not paid')
  expect(screen.queryByTestId('earnings')).toBeNull()
})

test('bars share out the height; a small day is not drawn as none', () => {
  const bars = barsOf([
    { day: '2026-01-01', amountWei: 1n },
    { day: '2026-01-02', amountWei: 0n },
    { day: '2026-01-03', amountWei: usdc },
    { day: '2026-01-04', amountWei: usdc / 2n },
  ])
  expect(bars.map(({ height }) => height)).toEqual([1, 0, chartHeight, chartHeight / 2])
})

test('today is the UTC day, also just before midnight', () => {
  const at = (text: string) => todayWei(history.days, Date.parse(text))
  expect(at('2026-01-03T23:59:59Z')).toBe(2n * usdc)
  expect(at('2026-01-04T00:00:00Z')).toBe(0n)
})
