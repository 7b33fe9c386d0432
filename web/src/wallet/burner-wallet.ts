/** The tab's own key as a wallet that pays: for embedded chains, where money is test money. Loaded only where somebody pays. */
import { hostEntropy } from '../host.ts'
import { openBurnerKey } from './burner-key.ts'
import type { PayerWallet } from './payer-wallet.ts'
import { walletError } from './wallet-error.ts'

export async function openBurnerWallet(): Promise<PayerWallet> {
  const { account } = await openBurnerKey(hostEntropy, globalThis.indexedDB)
  return {
    address: account.address,
    async signTypedData(data) {
      try {
        return await account.signTypedData(data as unknown as Parameters<typeof account.signTypedData>[0])
      } catch (thrown) {
        throw walletError(thrown, 'signing')
      }
    },
  }
}
