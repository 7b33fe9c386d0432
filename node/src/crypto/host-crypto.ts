/** SHA-256 and Ed25519 of this process's own library: a tenth and a twentieth of what script takes for a receipt. It knows no receipts. */
import { createPrivateKey, hash, sign } from 'node:crypto'
import type { Digest, SignatureOf } from '@computepool/shared/receipts'

/** What stands before the 32 bytes of a secret in its DER form (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

export const sha256: Digest = bytes => hash('sha256', bytes, 'buffer')

export const ed25519: SignatureOf = secret => {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, secret]), format: 'der', type: 'pkcs8' })
  return bytes => sign(null, bytes, key)
}
