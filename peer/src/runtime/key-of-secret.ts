/** A peer's key from its 32 secret bytes, in memory only: for headless peers and for tests. It reads and writes no file. */
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { PeerKey } from './peer-powers.ts'

/** Throws viem's error, which does not tell the secret, where `secret` is no private key. */
export function keyOfSecret(secret: Hex): PeerKey {
  const account = privateKeyToAccount(secret)
  return {
    address: account.address.toLowerCase() as Hex,
    sign: message => account.signMessage({ message }),
    signTypedData: data => account.signTypedData(data as never),
  }
}
