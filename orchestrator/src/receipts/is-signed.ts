/** Checks a receipt's signature with the host's Ed25519: faster than script's, on the thread that serves everybody. */
import { createPublicKey, verify } from 'node:crypto'
import { type IsSigned, receiptText } from '@computepool/shared/receipts'

/** What stands before the 32 bytes of a key in its DER form (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** False, never an error, for anything that is no key or signature. */
export const isSigned: IsSigned = (receipt, key) => {
  try {
    const publicKey = createPublicKey({
      key: Buffer.concat([spkiPrefix, Buffer.from(key, 'hex')]),
      format: 'der',
      type: 'spki',
    })
    return verify(null, Buffer.from(receiptText(receipt)), publicKey, Buffer.from(receipt.signature, 'hex'))
  } catch {
    return false
  }
}
