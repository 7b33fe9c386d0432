import { ComputePoolError } from '@computepool/shared/errors'
import { expect, test } from 'vitest'
import { createFakeMoney, payerAccount } from '../ui/testing/fake-money.ts'
import { sampleTerms } from '../ui/testing/sample-money.ts'
import type { InjectedWallets } from './injected-port.ts'
import { walletError } from './wallet-error.ts'

const address = `0x${'7'.repeat(40)}` as const

/** One wallet that starts on another chain. */
function oneWallet(): InjectedWallets & { readonly calls: string[] } {
  const listeners = new Set<() => void>()
  const calls: string[] = []
  let chainId = 1
  let isConnected = false
  const tell = () => listeners.forEach(listener => void listener())
  return {
    calls,
    found: () => [{ id: 'one', name: 'One Wallet' }],
    current: () => (isConnected ? { address, chainId, name: 'One Wallet' } : null),
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reconnect: async () => void calls.push('reconnect'),
    async connect(id) {
      calls.push(`connect ${id}`)
      isConnected = true
      tell()
    },
    async disconnect() {},
    async switchChain() {
      calls.push('switch')
      chainId = 31_337
      tell()
    },
    async signTypedData() {
      calls.push('sign')
      return '0x5151'
    },
    async signMessage() {
      return '0x5252'
    },
    async send() {
      return '0x5353'
    },
  }
}

const elsewhere = () => {
  const terms = sampleTerms()
  return { ...terms, chain: { ...terms.chain, isEmbedded: false }, hasFaucet: false }
}

test('on an embedded chain the tab’s own key is at hand at once, with what it holds', async () => {
  const { stores } = createFakeMoney()
  await stores.wallet.look(sampleTerms())
  await stores.wallet.refreshFunds()
  expect(stores.wallet.getSnapshot()).toMatchObject({
    busy: 'none',
    wallet: { kind: 'burner', address: payerAccount.address, isOnChain: true },
    funds: { usdcAtomic: 10_000_000n },
  })
  expect(stores.wallet.payer()?.address).toBe(payerAccount.address)
})

test('elsewhere nothing pays until a wallet is chosen, and a wrong chain is seen and switched', async () => {
  const injected = oneWallet()
  const { stores } = createFakeMoney({ injected })
  await stores.wallet.look(elsewhere())
  expect(stores.wallet.getSnapshot()).toMatchObject({ wallet: null, found: [{ id: 'one' }] })
  expect(stores.wallet.payer()).toBeNull()
  await stores.wallet.connect('one')
  expect(stores.wallet.getSnapshot().wallet).toMatchObject({ kind: 'injected', address, isOnChain: false })
  await stores.wallet.switchChain()
  expect(stores.wallet.getSnapshot().wallet?.isOnChain).toBe(true)
  expect(injected.calls).toEqual(['reconnect', 'connect one', 'switch'])
})

test('looking twice looks once', async () => {
  const injected = oneWallet()
  const { stores } = createFakeMoney({ injected })
  await Promise.all([stores.wallet.look(elsewhere()), stores.wallet.look(elsewhere())])
  expect(injected.calls).toEqual(['reconnect'])
})

test('the faucet is asked for the wallet in use, and its refusal is shown with what to do', async () => {
  const money = createFakeMoney()
  const { wallet } = money.stores
  await wallet.look(sampleTerms())
  await wallet.askFaucet()
  expect(money.client.calls).toEqual([`faucet ${payerAccount.address}`])
  money.onFaucet = () => {
    throw new ComputePoolError('swarm_busy', 'This address has had its test money for today.', {
      remedy: 'Come back later.',
    })
  }
  await wallet.askFaucet()
  expect(wallet.getSnapshot()).toMatchObject({
    busy: 'none',
    error: { code: 'swarm_busy', remedy: 'Come back later.' },
  })
})

test.each([
  ['a code', { code: 4001, message: 'User rejected' }, 'payment_signature_declined'],
  ['a wrapped code', { name: 'Wrapped', cause: { code: 4001 } }, 'payment_signature_declined'],
  ['viem’s name', { name: 'UserRejectedRequestError' }, 'payment_signature_declined'],
  ['anything else', new Error('The device is locked.'), 'payment_wallet_failed'],
])('%s of a wallet becomes a typed error with a remedy', (_name, thrown, code) => {
  const error = walletError(thrown, 'signing')
  expect(error.code).toBe(code)
  expect(error.remedy).not.toBe('')
})
