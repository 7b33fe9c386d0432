/** What the page reads of the chain itself, and what an operator's key may do there. Types only; amounts in wei of USDCx unless named. */
export interface Funds {
  readonly usdcAtomic: bigint
  /** For gas. */
  readonly nativeWei: bigint
}

/** An operator's money at one block. */
export interface ChainEarnings {
  /** USDCx that can be moved now. */
  readonly balanceWei: bigint
  /** Of the pool, while it is not connected: then the balance does not tick. */
  readonly claimableWei: bigint
  readonly isConnected: boolean
  /** How fast balance and claimable grow together, per second. */
  readonly flowWei: bigint
  /** All that the pool ever gave this member, and how fast that grows. */
  readonly receivedWei: bigint
  readonly memberFlowWei: bigint
  readonly units: bigint
  readonly totalUnits: bigint
  readonly funds: Funds
}

export interface ChainReads {
  funds(address: `0x${string}`): Promise<Funds>
  earnings(operator: `0x${string}`): Promise<ChainEarnings>
}

/** Transactions of the tab's own key. Each resolves with its hash once the chain has it; `chain_reverted` where it failed there. */
export interface OperatorWrites {
  readonly address: `0x${string}`
  /** True where a transaction could name it: an address in lower case, or with the checksum of EIP-55. It asks nobody. */
  isAddress(text: string): text is `0x${string}`
  /** From then on the balance ticks by itself. */
  connectPool(): Promise<`0x${string}`>
  /** Moves what waits in the pool to the balance. */
  claim(): Promise<`0x${string}`>
  /** Turns USDCx into USDC and sends it, in one transaction. `amountWei` is a multiple of one atomic unit. */
  unwrapTo(to: `0x${string}`, amountWei: bigint): Promise<`0x${string}`>
}
