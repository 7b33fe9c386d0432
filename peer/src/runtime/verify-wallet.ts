/** Whether a wallet signed a message: EIP-191, plain accounts alone. It knows no chain, which a smart wallet's word (ERC-1271) would need. */
import type { VerifyWallet } from '@computepool/shared/audit'
import { recoverMessageAddress } from 'viem'

/** False, never an error, for anything that is no signature. */
export const verifyWallet: VerifyWallet = async ({ address, message, signature }) => {
  try {
    return (await recoverMessageAddress({ message, signature })).toLowerCase() === address.toLowerCase()
  } catch {
    return false
  }
}
