/** What a provider's attested key signs so that 0G Compute's contract pays it: EIP-712, one item for one user. It signs and sends nothing. */

/** Money in neuron, 1e-18 0G. */
export interface SettlementItem {
  readonly user: `0x${string}`
  readonly provider: `0x${string}`
  readonly totalFee: bigint
  /** Names the requests that the fee is for; the contract keeps it nowhere. */
  readonly requestsHash: `0x${string}`
  /** Grows for each pair of user and provider, and is used once. */
  readonly nonce: bigint
}

export interface ServingPlace {
  readonly chainId: number
  /** The serving contract. */
  readonly serving: `0x${string}`
}

/** As viem and wallets sign it. The order of the fields is the contract's. */
export const settlementTypedData = ({ chainId, serving }: ServingPlace, message: SettlementItem) =>
  ({
    domain: { name: '0G Inference Serving', version: '1', chainId, verifyingContract: serving },
    types: {
      TEESettlement: [
        { name: 'requestsHash', type: 'bytes32' },
        { name: 'nonce', type: 'uint256' },
        { name: 'provider', type: 'address' },
        { name: 'user', type: 'address' },
        { name: 'totalFee', type: 'uint256' },
      ],
    },
    primaryType: 'TEESettlement',
    message,
  }) as const

/** Of one call to the contract. */
export const mostSettlements = 50
