import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import type { Hex } from '../coalition/index.ts'
import { encryptionKeyOf, sealTo, unseal } from './ecies.ts'
import { walletKey, walletKeyMessage } from './wallet-key.ts'

const secret = hexToBytes('11'.repeat(32))
const key = Uint8Array.from({ length: 32 }, (_, at) => at)
const entropy = { ephemeralSecret: hexToBytes('22'.repeat(32)), nonce: hexToBytes('33'.repeat(16)) }

describe('a sealed key', () => {
  it('opens for whom it was sealed to, and is as long as other tools make it', () => {
    const sealed = sealTo(encryptionKeyOf(secret), key, entropy)
    expect(sealed).toHaveLength(129)
    expect(unseal(sealed, secret)).toEqual(key)
  })

  it('of eciesjs and of eciespy opens', () => {
    const fromEciesjs =
      '049ec3495c1472e00ba7e6e8685558ed930d03eafe8789994371b8c57039097c129b4498d9eddae13393da8136618fcdd355a36948e25d222e3dd20b2168c326b8c6e67c304b9f877bf57dffdbd08e20396e48ad9af841d0619197ca6d0ea7eb95a26ba040ac4c46b2f8a4e6431d091a8659f02d74bddde0c3b89626a60c5baea4'
    expect(unseal(hexToBytes(fromEciesjs), secret)).toEqual(key)
    const known = hexToBytes('e520872701d9ec44dbac2eab85512ad14ad0c42e01de56d7b528abd8524fcb47')
    const fromEciespy =
      '047be1885aeb48d4d4db0c992996725d3264784fef88c5b60782f8d0f940c213227fc3f904f846d5ec3d0fba6653754501e8ebadc421aa3892a20fef33cff0206047058a4cfb4efbeae96b2d019b4ab2edce33328748a0d008a69c8f5816b72d45bd9b5a41bb6ea0127ab23057ec6fcd'
    expect(new TextDecoder().decode(unseal(hexToBytes(fromEciespy), known))).toBe('hello world🌍')
  })

  it('opens for nobody else, and with no byte changed', () => {
    const sealed = sealTo(encryptionKeyOf(secret), key, entropy)
    expect(() => unseal(sealed, hexToBytes('12'.repeat(32)))).toThrow('does not open')
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at]! ^= 1
      expect(() => unseal(changed, secret), `byte ${at}`).toThrow('does not open')
    }
    for (const size of [0, 1, 65, 81, 97, 128])
      expect(() => unseal(sealed.slice(0, size), secret)).toThrow('does not open')
  })

  it('is sealed to points of the curve only', () => {
    const point = encryptionKeyOf(secret)
    const seal = (publicKey: string) => () => sealTo(publicKey as Hex, key, entropy)
    expect(seal(point)).not.toThrow()
    expect(seal(`0x04${point.slice(2)}`)).toThrow('not a point')
    expect(seal(`0x${'11'.repeat(64)}`)).toThrow('not a point')
    expect(seal(`0x${bytesToHex(secp256k1.getPublicKey(secret, true))}`)).toThrow('not a point')
    expect(seal('0x')).toThrow('not a point')
  })
})

describe('a wallet’s key', () => {
  const place = {
    chainId: 16602,
    contract: '0x34493302287308F565CF3409DAADEDF4C8895648',
    account: '0xC3E5607Cd4ca0D5Fe51e09B60Ed97a0Ae6F874dd',
  } as const
  /** Any two scalars are a signature's form. */
  const r = '3a'.repeat(32)
  const s = '2b'.repeat(32)
  const signature: Hex = `0x${r}${s}1b`

  it('is the same for ever, and for however the wallet writes its signature', () => {
    const { secret: derived, publicKey } = walletKey(place, signature)
    expect(publicKey).toBe(encryptionKeyOf(derived))
    // Whoever changes this takes people's pools from them.
    expect(bytesToHex(derived)).toMatchInlineSnapshot(
      `"5fc7fd9b5af6573fa9441393d655248361f109bd860ba5535185e9c1356e08e8"`,
    )
    const order = secp256k1.Point.Fn.ORDER
    const high = (order - BigInt(`0x${s}`)).toString(16).padStart(64, '0')
    for (const same of [`0x${r}${s}00`, `0x${r}${high}1c`, `0x${r.toUpperCase()}${s}1c`]) {
      expect(walletKey(place, same as Hex).publicKey).toBe(publicKey)
    }
    const lower = {
      ...place,
      contract: place.contract.toLowerCase() as Hex,
      account: place.account.toLowerCase() as Hex,
    }
    expect(walletKey(lower, signature).publicKey).toBe(publicKey)
  })

  it('is another for another signature, account, contract or chain', () => {
    const keys = [
      walletKey(place, signature),
      walletKey(place, `0x${r}${'2c'.repeat(32)}1b`),
      walletKey({ ...place, account: `0x${'1'.repeat(40)}` }, signature),
      walletKey({ ...place, contract: `0x${'1'.repeat(40)}` }, signature),
      walletKey({ ...place, chainId: 16661 }, signature),
    ]
    expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(keys.length)
  })

  it('is not made of a smart account’s signature, or of nothing', () => {
    for (const other of ['0x', `0x${r}${s}`, `0x${'00'.repeat(65)}`, `${signature}${'00'.repeat(300)}`, '0xzz']) {
      expect(() => walletKey(place, other as Hex)).toThrow('not an ordinary account')
    }
  })

  it('is asked for with a text that says what it is', () => {
    expect(walletKeyMessage(place)).toMatchInlineSnapshot(`
      "ComputePool encryption key, version 1

      Whoever has this signature can read the private parts of pools that are sealed to you. Sign it only on a page that you trust. It moves no money.

      Chain: 16602
      Contract: 0x34493302287308f565cf3409daadedf4c8895648
      Account: 0xc3e5607cd4ca0d5fe51e09b60ed97a0ae6f874dd"
    `)
  })
})
