/** Checks an EIP-191 signature of a plain account. It knows no contracts: a smart wallet (ERC-1271) would need a chain to ask. */
import { recoverMessageAddress } from 'viem'

export interface SignedMessage {
  readonly address: `0x${string}`
  readonly message: string
  readonly signature: `0x${string}`
}

/** True where `address` signed `message`; a malformed signature is false, never an error. */
export async function verifySignature({ address, message, signature }: SignedMessage): Promise<boolean> {
  try {
    const signer = await recoverMessageAddress({ message, signature })
    return signer.toLowerCase() === address.toLowerCase()
  } catch {
    return false
  }
}
