/**
 * A wallet's encryption key, asked of it: it signs one fixed text, and the key is derived here. Asked twice before a key is published,
 * because a wallet that signs differently each time would lock its owner out. The signature and the secret never leave the page.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type EncryptionKey, walletKey, walletKeyMessage } from '@computepool/shared/inft'
import { recoverMessageAddress } from 'viem'
import type { ActingWallet } from '../wallet/payer-wallet.ts'

export interface KeyOrder {
  readonly wallet: Pick<ActingWallet, 'address' | 'signMessage'>
  readonly chainId: number
  readonly token: `0x${string}`
  /** Called before the wallet is asked for the second time. */
  onAgain(): void
}

/** Errors: input_unsupported for smart accounts and wallets that sign with fresh randomness; the wallet's own. */
export async function askWalletKeyTwice(order: KeyOrder): Promise<EncryptionKey> {
  const first = await askWalletKey(order)
  order.onAgain()
  const second = await askWalletKey(order)
  if (first.publicKey === second.publicKey) return second
  throw new ComputePoolError('input_unsupported', 'This wallet signed the same text in two different ways.', {
    remedy: 'Nothing was published: a key made so would be lost at once. Use an ordinary account in another wallet.',
  })
}

export async function askWalletKey({ wallet, chainId, token }: Omit<KeyOrder, 'onAgain'>): Promise<EncryptionKey> {
  const place = { chainId, contract: token, account: wallet.address }
  const message = walletKeyMessage(place)
  const signature = await wallet.signMessage(message)
  const key = walletKey(place, signature)
  // A contract may take 65 bytes as its signature: only the account's own key makes one that recovers to it.
  const signer = await recoverMessageAddress({ message, signature }).catch(() => null)
  if (signer?.toLowerCase() === wallet.address.toLowerCase()) return key
  throw new ComputePoolError('input_unsupported', 'This signature is not by the account’s own key.', {
    remedy: 'Smart accounts cannot derive a key: use an ordinary account. Nothing was published or sent.',
  })
}
