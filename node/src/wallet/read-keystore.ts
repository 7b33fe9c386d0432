/**
 * A private key out of a keystore file: Web3 Secret Storage, version 3 (scrypt or PBKDF2, AES-128-CTR, a Keccak MAC), as geth,
 * Foundry's `cast wallet` and most wallets write it. It reads no file and prints nothing; errors repeat neither password nor key.
 */
import { createDecipheriv, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { ComputePoolError } from '@computepool/shared/errors'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { bytesToHex, type Hex, keccak256 } from 'viem'
import { z } from 'zod'

const hex = (bytes: number) => z.string().regex(new RegExp(`^(0x)?[0-9a-fA-F]{${bytes * 2}}$`))
const salt = z.string().regex(/^(0x)?([0-9a-fA-F]{2}){1,128}$/)
/** The caps bound what a file may cost to open: 1 GiB of memory, a few seconds. */
const keystoreSchema = z.object({
  version: z.literal(3),
  crypto: z.object({
    cipher: z.literal('aes-128-ctr'),
    cipherparams: z.object({ iv: hex(16) }),
    ciphertext: hex(32),
    mac: hex(32),
    kdf: z.string().max(20),
    kdfparams: z.unknown(),
  }),
})
const scryptSchema = z.object({
  dklen: z.literal(32),
  n: z
    .int()
    .min(2)
    .max(2 ** 20),
  r: z.int().min(1).max(8),
  p: z.int().min(1).max(16),
  salt,
})
const pbkdf2Schema = z.object({
  dklen: z.literal(32),
  c: z.int().min(1).max(10_000_000),
  prf: z.literal('hmac-sha256'),
  salt,
})

/** Errors: `input_invalid` for a file of another form, and for a wrong password. */
export async function readKeystore(text: string, password: string): Promise<Hex> {
  const { crypto } = parse(keystoreSchema, asJson(text), 'The keystore file')
  const derived = await deriveKey(crypto.kdf.toLowerCase(), crypto.kdfparams, password)
  const ciphertext = fromHex(crypto.ciphertext)
  const mac = keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext]))
  if (mac !== bytesToHex(fromHex(crypto.mac)))
    throw new ComputePoolError('input_invalid', 'The password does not open the keystore file.', {
      remedy: 'Check COMPUTEPOOL_KEYSTORE_PASSWORD, or the file that --password-file names.',
    })
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), fromHex(crypto.cipherparams.iv))
  return bytesToHex(Buffer.concat([decipher.update(ciphertext), decipher.final()]))
}

async function deriveKey(kdf: string, params: unknown, password: string): Promise<Buffer> {
  if (kdf === 'scrypt') {
    const { n, r, p, salt, dklen } = parse(scryptSchema, params, 'The keystore’s scrypt')
    // Not Node's own: OpenSSL holds to the RFC's N < 2^16 for r = 1, and wallets write 2^18.
    return Buffer.from(await scryptAsync(password, fromHex(salt), { N: n, r, p, dkLen: dklen, maxmem: 2 ** 31 }))
  }
  if (kdf === 'pbkdf2') {
    const { c, salt, dklen } = parse(pbkdf2Schema, params, 'The keystore’s PBKDF2')
    return promisify(pbkdf2)(password, fromHex(salt), c, dklen, 'sha256')
  }
  throw new ComputePoolError('input_invalid', `The keystore’s key derivation "${kdf}" is not known here.`, {
    remedy: 'Export the key again with scrypt or pbkdf2.',
  })
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const field = parsed.error.issues[0]?.path.join('.') || 'its form'
  // Names the field and not its value: part of it may be secret.
  throw new ComputePoolError('input_invalid', `${what} is not readable: ${field} is missing or not as it must be.`, {
    remedy: 'Use a keystore of version 3 (aes-128-ctr, with scrypt or pbkdf2), as cast wallet or geth write it.',
  })
}

function asJson(text: string): unknown {
  try {
    // Early writers spelled the section "Crypto".
    return JSON.parse(text, (_, value: unknown) =>
      value !== null && typeof value === 'object' && 'Crypto' in value ? { ...value, crypto: value.Crypto } : value,
    )
  } catch {
    return null
  }
}

function fromHex(text: string): Buffer {
  return Buffer.from(text.replace(/^0x/, ''), 'hex')
}
