// @vitest-environment happy-dom
import { ComputePoolError } from '@computepool/shared/errors'
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react'
import axe from 'axe-core'
import { StrictMode } from 'react'
import { afterEach, expect, test } from 'vitest'
import type { InjectedWallets } from '../../wallet/injected-port.ts'
import { App } from '../shell/App.tsx'
import { createFakeMoney, type FakeMoney, idleEarnings } from '../testing/fake-money.ts'
import { fakeToken } from '../testing/fake-money-client.ts'
import { createFakeServices } from '../testing/fake-services.ts'
import { stubFrames } from '../testing/manual-frames.ts'
import { sampleReceipt, sampleSession, sampleTerms } from '../testing/sample-money.ts'
import { readyPool } from '../testing/sample-pool.ts'

const drawFrame = stubFrames()
afterEach(cleanup)

const plain = (element: HTMLElement) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))

/** The chat page in strict mode, once prices and wallet are known. */
async function open(money: FakeMoney = createFakeMoney()) {
  window.history.replaceState(null, '', '/chat')
  const services = createFakeServices({ money })
  services.setPool({ pool: readyPool() })
  render(
    <StrictMode>
      <App services={services} />
    </StrictMode>,
  )
  await settle()
  await settle()
  return { money, services }
}

async function openSession(money?: FakeMoney) {
  const page = await open(money)
  fireEvent.click(screen.getByTestId('sign'))
  await settle()
  return page
}

const violations = async () => {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

test('before anything is paid: the price, the cap, the buffer and whose it is, and what comes back', async () => {
  await open()
  const panel = plain(screen.getByTestId('open-session'))
  expect(panel).toContain('0.06 test USDC a minute')
  expect(panel).toContain('0.06 test USDC a running answer, as the stream’s buffer (60 s of it)')
  expect(panel).toContain('The coalition’s reserve locks it, not you; the reserve has 50.00 test USDC free')
  expect(panel).toContain('all that was not spent, to the same wallet')
  expect(plain(screen.getByTestId('wallet-funds'))).toBe('10.00 test USDC')
  expect(plain(screen.getByTestId('sign'))).toBe('Sign and pay 0.25 test USDC')
  expect(await violations()).toEqual([])
})

test('an open session of the wallet is offered, and taken up by one click', async () => {
  const money = createFakeMoney()
  money.client.payerSessions = [{ session: sampleSession({ capAtomic: 700_000n }), token: fakeToken }]
  await open(money)
  expect(plain(screen.getByTestId('found-session'))).toContain('You have an open session of 0.70 test USDC')
  expect(await violations()).toEqual([])
  fireEvent.click(screen.getByTestId('take-up'))
  await settle()
  expect(screen.queryByTestId('found-session')).toBeNull()
  expect(screen.getByTestId('session-panel').dataset.status).toBe('open')
  expect(money.client.paid).toEqual([])
})

test('a cap is chosen or written, and one that cannot be is said to be so', async () => {
  await open()
  fireEvent.click(screen.getByTestId('cap-choice-500000'))
  expect(plain(screen.getByTestId('sign'))).toBe('Sign and pay 0.50 test USDC')
  expect(screen.getByTestId('cap-choice-500000').getAttribute('aria-pressed')).toBe('true')
  const write = (value: string) => fireEvent.change(screen.getByTestId('cap-input'), { target: { value } })
  for (const [text, words] of [
    ['0.01', 'Choose at least 0.05'],
    ['6', 'Choose at most 5.00'],
    ['much', 'Enter the cap as an amount'],
  ] as const) {
    write(text)
    expect(screen.getByTestId('sign').hasAttribute('disabled')).toBe(true)
    expect(plain(screen.getByTestId('opening-status'))).toContain(words)
  }
  write('0.3')
  expect(plain(screen.getByTestId('sign'))).toBe('Sign and pay 0.30 test USDC')
})

test('a price that changed is shown and signed only once it is agreed to', async () => {
  const { money } = await open()
  money.client.terms_ = sampleTerms({ pricePerSecondAtomic: 2_000n })
  fireEvent.click(screen.getByTestId('sign'))
  await settle()
  expect(plain(screen.getByTestId('price-change'))).toContain(
    'The price has changed: 0.12 test USDC a minute, it was 0.06 test USDC. Nothing was signed',
  )
  expect(screen.getByTestId('price-change').getAttribute('role')).toBe('alert')
  expect(plain(screen.getByTestId('open-session'))).toContain('0.12 test USDC a minute while an answer is written')
  expect(screen.getByTestId('sign').hasAttribute('disabled')).toBe(true)
  expect(plain(screen.getByTestId('opening-status'))).toContain('Agree to the new price first')
  expect(await violations()).toEqual([])
  fireEvent.submit(screen.getByTestId('sign').closest('form') as HTMLFormElement)
  await settle()
  expect(money.signed).toEqual([])
  fireEvent.click(screen.getByTestId('agree-price'))
  expect(screen.queryByTestId('price-change')).toBeNull()
  fireEvent.click(screen.getByTestId('sign'))
  await settle()
  expect(money.signed).toHaveLength(1)
  expect(screen.getByTestId('session-panel').dataset.status).toBe('open')
})

test('in strict mode a double click, and an Enter after it, sign once', async () => {
  const { money } = await open()
  const sign = screen.getByTestId('sign')
  fireEvent.click(sign)
  fireEvent.click(sign)
  fireEvent.submit(sign.closest('form') as HTMLFormElement)
  await settle()
  expect(money.signed).toHaveLength(1)
  expect(money.client.paid).toHaveLength(1)
  expect(screen.getByTestId('session-panel').dataset.status).toBe('open')
})

test('no question is sent before a session lives, and its text stays', async () => {
  const { services } = await open()
  fireEvent.change(screen.getByTestId('composer'), { target: { value: 'Hello' } })
  fireEvent.keyDown(screen.getByTestId('composer'), { key: 'Enter' })
  expect(services.stream.requests).toEqual([])
  expect(screen.getByTestId('composer-obstacle').textContent).toContain('Open a session first')
  fireEvent.click(screen.getByTestId('sign'))
  await settle()
  fireEvent.keyDown(screen.getByTestId('composer'), { key: 'Enter' })
  expect(services.stream.requests).toHaveLength(1)
})

test('the meter moves while an answer is written, stops at the cap, and says what to do then', async () => {
  const { money } = await openSession()
  const figure = (id: string) => screen.getByTestId(id).dataset
  expect(figure('spent').atomic).toBe('0')
  await act(() =>
    money.client.tell({
      status: 'streaming',
      runningRequests: 1,
      rateWei: 10n ** 15n,
      bufferAtomic: 60_000n,
      leaseUntil: 31,
      atMs: 1_001,
    }),
  )
  money.setNow(2_000)
  drawFrame()
  expect(figure('spent').atomic).toBe('2000')
  expect(figure('refundable').atomic).toBe('248000')
  expect(figure('rate').wei).toBe('1000000000000000')
  expect(plain(screen.getByTestId('rate'))).toBe('0.06 test USDC/min')
  expect(figure('buffer').atomic).toBe('60000')
  expect(plain(screen.getByTestId('lease'))).toBe('28 s')
  money.setNow(9_000_000)
  drawFrame()
  expect(figure('spent').atomic).toBe('250000')
  expect(figure('refundable').atomic).toBe('0')
  expect(plain(screen.getByTestId('cap-spent'))).toContain('The cap of 0.25 test USDC is spent')
  expect(screen.getByTestId('top-up')).toBeTruthy()
  expect(await violations()).toEqual([])
})

test('a screen reader hears the meter start and stop, not its frames', async () => {
  const { money } = await openSession()
  const report = screen.getByTestId('calm-report')
  expect(report.textContent).toBe('')
  await act(() => money.client.tell({ runningRequests: 1, atMs: 1_001 }))
  const heard = plain(report)
  expect(heard).toContain('An answer is being written.')
  money.setNow(3_000)
  drawFrame()
  expect(plain(report)).toBe(heard)
  await act(() => money.client.tell({ runningRequests: 0, spentAtomic: 3_000n, atMs: 3_001 }))
  expect(plain(report)).toBe('0.003 test USDC of 0.25 test USDC spent. The meter stands still.')
})

test('ending refunds, and the receipt adds up, with every transaction to copy', async () => {
  const { money } = await openSession()
  fireEvent.click(screen.getByTestId('end-session'))
  fireEvent.click(screen.queryByTestId('end-session') ?? screen.getByTestId('session-panel'))
  await settle()
  expect(screen.getByTestId('session-panel').dataset.status).toBe('closing')
  expect(money.client.calls.filter(call => call.startsWith('close'))).toHaveLength(1)
  await act(() => money.client.tell({ status: 'closed', atMs: 9_000 }))
  await settle()
  expect(screen.queryByTestId('session-panel')).toBeNull()
  const amount = (id: string) => BigInt(screen.getByTestId(id).dataset.atomic ?? '0')
  expect(amount('paid') + amount('refunded')).toBe(amount('receipt-cap'))
  expect(amount('refunded')).toBe(376_544n)
  expect(plain(screen.getByTestId('receipt'))).toContain('0.376544 test USDC were sent back to your wallet')
  expect(screen.getAllByTestId('receipt-tx').map(({ dataset }) => dataset.hash)).toEqual(
    sampleReceipt().transactions.map(({ hash }) => hash),
  )
  expect(screen.queryByTestId('receipt-mismatch')).toBeNull()
  expect(screen.queryByRole('link', { name: 'Explorer' })).toBeNull()
  expect(await violations()).toEqual([])
  fireEvent.click(screen.getByTestId('dismiss-receipt'))
  expect(screen.queryByTestId('receipt')).toBeNull()
})

test('what a slash paid back is told beside the refund, and does not upset the sum', async () => {
  const { money } = await openSession()
  money.client.receipt_ = sampleReceipt({ refundedBySlashAtomic: 25_000n })
  fireEvent.click(screen.getByTestId('end-session'))
  fireEvent.click(screen.queryByTestId('end-session') ?? screen.getByTestId('session-panel'))
  await settle()
  await act(() => money.client.tell({ status: 'closed', atMs: 9_000 }))
  await settle()
  expect(screen.getByTestId('refunded-by-slash').dataset.atomic).toBe('25000')
  expect(plain(screen.getByTestId('slash-words'))).toContain('0.025 test USDC came to you out of the stake')
  expect(screen.queryByTestId('receipt-mismatch')).toBeNull()
})

test('a receipt that does not add up says so; an explorer is linked where there is one', async () => {
  const money = createFakeMoney()
  const terms = sampleTerms()
  money.client.terms_ = { ...terms, chain: { ...terms.chain, explorerUrl: 'https://scan.example/' } }
  money.client.receipt_ = sampleReceipt({ refundedAtomic: 376_543n })
  await openSession(money)
  await act(() => money.client.tell({ status: 'closed', atMs: 9_000 }))
  await settle()
  expect(plain(screen.getByTestId('receipt-mismatch'))).toContain('0.000001 test USDC')
  const [link] = screen.getAllByRole('link', { name: 'Explorer' })
  expect(link?.getAttribute('href')).toBe(`https://scan.example/tx/${sampleReceipt().transactions[0]?.hash}`)
})

test('the event stream’s end is said, and what it means for the money', async () => {
  const { money } = await openSession()
  await act(() => money.client.tell({ runningRequests: 1, atMs: 1_001 }))
  money.client.events = () => {
    throw new ComputePoolError('peer_unreachable', 'The orchestrator did not answer.')
  }
  await act(() => money.client.breakStreams())
  await settle()
  expect(plain(screen.getByTestId('session-panel'))).toContain('The connection to the orchestrator broke')
  const before = screen.getByTestId('spent').dataset.atomic
  money.setNow(60_000)
  drawFrame()
  expect(screen.getByTestId('spent').dataset.atomic).toBe(before)
})

test.each([
  [
    'a lying challenge',
    (money: FakeMoney) => {
      money.client.lie = offer => ({ ...offer, payTo: `0x${'9'.repeat(40)}` })
    },
    'payment_challenge_invalid',
    'Nothing was signed and nothing was paid',
  ],
  [
    'a declined signature',
    (money: FakeMoney) => {
      money.onSign = () =>
        Promise.reject(new ComputePoolError('payment_signature_declined', 'Declined.', { remedy: 'Try again.' }))
    },
    'payment_signature_declined',
    'Try again.',
  ],
  [
    'a refused voucher',
    (money: FakeMoney) => {
      const context = { httpStatus: 402 }
      money.client.failOpening = new ComputePoolError('payment_required', 'The voucher is expired.', { context })
    },
    'payment_required',
    'Open a session with a wallet, then try again',
  ],
])('%s is shown with its remedy, and the way stays open', async (_name, arrange, code, remedy) => {
  const money = createFakeMoney()
  arrange(money)
  await openSession(money)
  expect(screen.getByTestId('error').dataset.code).toBe(code)
  expect(plain(screen.getByTestId('error'))).toContain(remedy)
  expect(screen.getByTestId('sign').hasAttribute('disabled')).toBe(false)
})

test('a lost answer offers the same voucher again, not a second signature', async () => {
  const money = createFakeMoney()
  money.client.failOpening = new ComputePoolError('peer_unreachable', 'The orchestrator did not answer.')
  await openSession(money)
  expect(screen.queryByTestId('sign')).toBeNull()
  expect(plain(screen.getByTestId('open-session'))).toContain('cannot be charged twice')
  fireEvent.click(screen.getByTestId('send-again'))
  await settle()
  expect(screen.getByTestId('session-panel')).toBeTruthy()
  expect(money.signed).toHaveLength(1)
})

test('too little money leads to the faucet', async () => {
  const money = createFakeMoney()
  money.chain = { ...idleEarnings, funds: { usdcAtomic: 10_000n, nativeWei: 0n } }
  await open(money)
  expect(screen.getByTestId('sign').hasAttribute('disabled')).toBe(true)
  expect(plain(screen.getByTestId('opening-status'))).toContain('The wallet has 0.01 test USDC: ask the faucet')
  money.chain = idleEarnings
  fireEvent.click(screen.getByTestId('faucet'))
  await settle()
  await settle()
  expect(screen.getByTestId('sign').hasAttribute('disabled')).toBe(false)
})

test('a wallet on the wrong chain gets one button that switches it', async () => {
  let chainId = 1
  let tell = () => {}
  const injected: InjectedWallets = {
    found: () => [],
    current: () => ({ address: `0x${'7'.repeat(40)}`, chainId, name: 'One Wallet' }),
    subscribe(listener) {
      tell = listener
      return () => {}
    },
    reconnect: async () => {},
    connect: async () => {},
    disconnect: async () => {},
    async switchChain() {
      chainId = 31_337
      tell()
    },
    signTypedData: async () => '0x',
    signMessage: async () => '0x',
    send: async () => '0x',
  }
  const money = createFakeMoney({ injected })
  money.client.payerSessions = [{ session: sampleSession(), token: fakeToken }]
  const terms = sampleTerms()
  money.client.terms_ = { ...terms, hasFaucet: false, chain: { ...terms.chain, name: 'Galileo', isEmbedded: false } }
  await open(money)
  expect(plain(screen.getByTestId('opening-status'))).toBe('Switch the wallet to Galileo first.')
  const takeUp = screen.getByTestId('take-up')
  expect(takeUp.hasAttribute('disabled')).toBe(true)
  const reason = document.getElementById(takeUp.getAttribute('aria-describedby') ?? '')
  expect(reason?.textContent).toBe('Switch the wallet to Galileo first.')
  expect(await violations()).toEqual([])
  fireEvent.click(screen.getByTestId('switch-chain'))
  await settle()
  expect(takeUp.hasAttribute('disabled')).toBe(false)
  expect(reason?.textContent).toContain('nothing is paid')
  expect(screen.getByTestId('sign').hasAttribute('disabled')).toBe(false)
  expect(plain(screen.getByTestId('open-session'))).not.toContain('test USDC')
})

test('free mode shows one line and nothing else of money', async () => {
  const money = createFakeMoney()
  money.client.terms_ = { mode: 'free' }
  const { services } = await open(money)
  expect(plain(screen.getByTestId('free-mode'))).toContain('nothing is charged')
  for (const id of ['open-session', 'session-panel', 'wallet', 'faucet']) expect(screen.queryByTestId(id)).toBeNull()
  fireEvent.change(screen.getByTestId('composer'), { target: { value: 'Hello' } })
  fireEvent.keyDown(screen.getByTestId('composer'), { key: 'Enter' })
  expect(services.stream.requests).toHaveLength(1)
})
