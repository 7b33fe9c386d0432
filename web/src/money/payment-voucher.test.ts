import { recoverTypedDataAddress } from 'viem'
import { expect, test } from 'vitest'
import { payerAccount } from '../ui/testing/fake-money.ts'
import { challengeOf } from '../ui/testing/fake-money-client.ts'
import { sampleTerms } from '../ui/testing/sample-money.ts'
import type { PayerWallet } from '../wallet/payer-wallet.ts'
import { checkChallenge } from './payment-challenge.ts'
import { signVoucher } from './payment-voucher.ts'

const terms = sampleTerms({ usdcName: 'Test USDC €' })
const capAtomic = 500_000n
const wallet: PayerWallet = {
  address: payerAccount.address,
  signTypedData: data =>
    payerAccount.signTypedData(data as unknown as Parameters<typeof payerAccount.signTypedData>[0]),
}

async function signed() {
  const offer = {
    ...challengeOf({ ...terms, usdcName: 'x' }, capAtomic),
    extra: { name: 'Test USDC €', version: '2', more: 1 },
  }
  const header = btoa(
    String.fromCharCode(
      ...new TextEncoder().encode(JSON.stringify({ x402Version: 2, resource: { url: 'u' }, accepts: [offer] })),
    ),
  )
  const challenge = checkChallenge(header, terms, capAtomic)
  const voucher = await signVoucher({
    challenge,
    terms,
    capAtomic,
    wallet,
    nowSeconds: 1_700_000_000.9,
    nonceBytes: new Uint8Array(32).fill(0xab),
    keyBytes: new Uint8Array(32).fill(0xcd),
  })
  const bytes = Uint8Array.from(atob(voucher.header), char => char.charCodeAt(0))
  return { offer, voucher, payload: JSON.parse(new TextDecoder().decode(bytes)) }
}

test('the header carries the authorization, and the accepted offer as it came', async () => {
  const { offer, voucher, payload } = await signed()
  expect(payload).toMatchObject({
    x402Version: 2,
    resource: { url: 'u' },
    payload: {
      authorization: {
        from: payerAccount.address,
        to: terms.vault,
        value: '500000',
        validAfter: '0',
        validBefore: '1700000300',
        nonce: `0x${'ab'.repeat(32)}`,
      },
    },
  })
  expect(payload.accepted).toEqual(offer)
  expect(voucher).toMatchObject({ capAtomic, validBefore: 1_700_000_300, idempotencyKey: 'cd'.repeat(32) })
})

test('the signature is the payer’s, over the token’s own EIP-3009 typed data and nothing else', async () => {
  const { payload } = await signed()
  const { authorization, signature } = payload.payload
  const recover = (change: Record<string, unknown>) =>
    recoverTypedDataAddress({
      // Written out a second time, from EIP-3009: a slip in the product's own types must show.
      domain: { name: 'Test USDC €', version: '2', chainId: 31_337, verifyingContract: terms.usdc as `0x${string}` },
      types: {
        TransferWithAuthorization: [
          { name: 'from', type: 'address' },
          { name: 'to', type: 'address' },
          { name: 'value', type: 'uint256' },
          { name: 'validAfter', type: 'uint256' },
          { name: 'validBefore', type: 'uint256' },
          { name: 'nonce', type: 'bytes32' },
        ],
      },
      primaryType: 'TransferWithAuthorization',
      message: {
        from: authorization.from,
        to: authorization.to,
        value: BigInt(authorization.value),
        validAfter: BigInt(authorization.validAfter),
        validBefore: BigInt(authorization.validBefore),
        nonce: authorization.nonce,
        ...change,
      },
      signature,
    })
  expect(await recover({})).toBe(payerAccount.address)
  expect(await recover({ value: 500_001n })).not.toBe(payerAccount.address)
})
