/** Whose key signed a text in the way of wallets (EIP-191). It does not know whose key it should have been. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

/** Lower-case address; null where the signature is none at all. */
export function recoverSigner(text: string, signature: string): string | null {
  if (!/^0x[0-9a-f]{130}$/.test(signature)) return null
  const bytes = hexToBytes(signature.slice(2))
  const last = bytes[64] ?? 0
  const recovery = last >= 27 ? last - 27 : last
  const message = utf8ToBytes(text)
  const digest = keccak_256(concatBytes(utf8ToBytes(`\x19Ethereum Signed Message:\n${message.length}`), message))
  try {
    const recovered = concatBytes(Uint8Array.of(recovery), bytes.subarray(0, 64))
    const compressed = secp256k1.recoverPublicKey(recovered, digest, { prehash: false })
    const point = secp256k1.Point.fromBytes(compressed).toBytes(false)
    return `0x${bytesToHex(keccak_256(point.subarray(1)).subarray(12))}`
  } catch {
    return null
  }
}
