/** What an EIP-3009 authorization says, whoever may hand it in. */
export const authorizationFields = [
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'validAfter', type: 'uint256' },
  { name: 'validBefore', type: 'uint256' },
  { name: 'nonce', type: 'bytes32' },
] as const

/** EIP-712 types of a voucher (EIP-3009): sign them with the token's own domain (name, version, chain id, address). */
export const transferWithAuthorizationTypes = { TransferWithAuthorization: authorizationFields } as const
