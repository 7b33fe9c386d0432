// @vitest-environment happy-dom
import { asComputePoolError } from '@computepool/shared/errors'
import { recoverTypedDataAddress } from 'viem'
import { expect, test } from 'vitest'
import { voucherTypedData } from '../money/payment-voucher.ts'
import { payerAccount } from '../ui/testing/fake-money.ts'
import { sampleTerms } from '../ui/testing/sample-money.ts'
import { openInjectedWallets } from './injected-wallets.ts'

/** A wallet of EIP-1193 that starts on chain 1, knows no other chain, and announces itself by EIP-6963. */
function announceWallet(rdns: string) {
  const calls: string[] = []
  const sent: unknown[] = []
  const listeners = new Map<string, Set<(value: unknown) => void>>()
  const known = new Set([1])
  let chainId = 1
  let isDeclining = false
  const emit = (name: string, value: unknown) => listeners.get(name)?.forEach(listener => void listener(value))
  const move = (id: number) => {
    chainId = id
    emit('chainChanged', `0x${id.toString(16)}`)
  }
  const provider = {
    on: (name: string, listener: (value: unknown) => void) =>
      void listeners.set(name, (listeners.get(name) ?? new Set()).add(listener)),
    removeListener: (name: string, listener: (value: unknown) => void) => void listeners.get(name)?.delete(listener),
    async request({ method, params }: { method: string; params?: unknown[] }): Promise<unknown> {
      calls.push(method)
      const [first, second] = (params ?? []) as [{ chainId?: string } | undefined, string | undefined]
      switch (method) {
        case 'eth_requestAccounts':
        case 'eth_accounts':
          return [payerAccount.address]
        case 'eth_chainId':
          return `0x${chainId.toString(16)}`
        case 'wallet_requestPermissions':
          return [{ caveats: [{ type: 'restrictReturnedAccounts', value: [payerAccount.address] }] }]
        case 'wallet_switchEthereumChain': {
          const wanted = Number(first?.chainId)
          if (!known.has(wanted)) throw Object.assign(new Error('Unknown chain.'), { code: 4902 })
          move(wanted)
          return null
        }
        case 'wallet_addEthereumChain':
          known.add(Number(first?.chainId))
          move(Number(first?.chainId))
          return null
        case 'eth_signTypedData_v4':
          if (isDeclining) throw Object.assign(new Error('User rejected the request.'), { code: 4001 })
          return payerAccount.signTypedData(JSON.parse(second ?? '{}'))
        case 'personal_sign':
          return payerAccount.signMessage({ message: { raw: params?.[0] as `0x${string}` } })
        case 'eth_sendTransaction':
          sent.push(params?.[0])
          return `0x${'e'.repeat(64)}`
        default:
          throw Object.assign(new Error(`${method} is not known.`), { code: -32601 })
      }
    },
  }
  const detail = Object.freeze({
    info: { uuid: crypto.randomUUID(), name: 'One Wallet', icon: 'data:image/svg+xml,<svg/>', rdns },
    provider,
  })
  const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  window.addEventListener('eip6963:requestProvider', announce)
  return {
    calls,
    sent,
    decline: () => {
      isDeclining = true
    },
  }
}

const terms = sampleTerms()
const data = voucherTypedData({
  terms,
  capAtomic: 500_000n,
  wallet: payerAccount,
  validBefore: 1_700_000_300,
  nonce: `0x${'ab'.repeat(32)}`,
})

test('a wallet that announces itself is found, connected, brought to the chain, and signs the voucher', async () => {
  const wallet = announceWallet('org.example.one')
  const wallets = openInjectedWallets(terms, null)
  let changes = 0
  wallets.subscribe(() => {
    changes += 1
  })
  const [found] = wallets.found()
  expect(found?.name).toBe('One Wallet')
  expect(wallets.current()).toBeNull()
  await wallets.connect(found?.id ?? '')
  expect(wallets.current()).toMatchObject({ address: payerAccount.address, chainId: 1, name: 'One Wallet' })
  await wallets.switchChain()
  expect(wallet.calls).toContain('wallet_addEthereumChain')
  expect(wallets.current()?.chainId).toBe(31_337)
  expect(changes).toBeGreaterThan(0)
  const signature = await wallets.signTypedData(data)
  expect(
    await recoverTypedDataAddress({ ...(data as never as Parameters<typeof recoverTypedDataAddress>[0]), signature }),
  ).toBe(payerAccount.address)
  expect(await wallets.signMessage('hello')).toBe(await payerAccount.signMessage({ message: 'hello' }))
  const call = { to: `0x${'7'.repeat(40)}`, data: '0x1234' } as const
  expect(await wallets.send(call)).toBe(`0x${'e'.repeat(64)}`)
  expect(wallet.sent).toMatchObject([{ ...call, from: payerAccount.address }])
  wallet.decline()
  const error = asComputePoolError(await wallets.signTypedData(data).catch((thrown: unknown) => thrown))
  expect(error.code).toBe('payment_signature_declined')
  expect(error.remedy).toContain('Nothing was paid')
  await wallets.disconnect()
  expect(wallets.current()).toBeNull()
})

test('a wallet that is gone is told so', async () => {
  const error = asComputePoolError(
    await openInjectedWallets(terms, null)
      .connect('gone')
      .catch((thrown: unknown) => thrown),
  )
  expect(error.code).toBe('payment_wallet_failed')
})
