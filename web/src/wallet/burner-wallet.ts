/** The tab's own key as a wallet: for embedded chains, where money is test money. Loaded only where somebody pays, signs in or sends. */
import type { PaidTerms } from '@computepool/shared/money'
import { hostEntropy } from '../host.ts'
import { openCalls } from '../money/viem-chain.ts'
import { openBurnerKey } from './burner-key.ts'
import type { ActingWallet } from './payer-wallet.ts'
import { walletError } from './wallet-error.ts'

export async function openBurnerWallet(terms: PaidTerms): Promise<ActingWallet> {
  const { account } = await openBurnerKey(hostEntropy, globalThis.indexedDB)
  const calls = openCalls(terms, account)
  const signing = <T>(task: () => Promise<T>) =>
    task().catch((thrown: unknown) => {
      throw walletError(thrown, 'signing')
    })
  return {
    address: account.address,
    signTypedData: data =>
      signing(() => account.signTypedData(data as unknown as Parameters<typeof account.signTypedData>[0])),
    signMessage: message => signing(() => account.signMessage({ message })),
    send: calls.send,
  }
}
