/**
 * What a step of the coalition plugin needs of the house it runs in: read, write, sign, wait. Upstream gives it KeeperHub's own cores
 * (`upstream-port.ts`), a test gives it viem. The steps know nothing else.
 */

export type StepFailure = { readonly success: false; readonly error: string }

/** A struct comes as an object by component names, whole numbers as decimal strings: as KeeperHub's read-contract gives them. */
export type ReadOutcome = { readonly success: true; readonly result: unknown } | StepFailure
export type WriteOutcome =
  | {
      readonly success: true
      readonly transactionHash?: string | undefined
      readonly transactionLink?: string | undefined
    }
  | StepFailure
export type SignOutcome = { readonly success: true; readonly signature: string; readonly signer: string } | StepFailure

/** EIP-712 data as JSON: whole numbers as decimal strings. */
export interface TypedData {
  readonly domain: {
    readonly name: string
    readonly version: string
    readonly chainId: number
    readonly verifyingContract: string
  }
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  readonly primaryType: string
  readonly message: Readonly<Record<string, unknown>>
}

export interface CoalitionPort {
  readonly chainId: number
  /** The Coalition contract. */
  readonly coalition: string
  /** A view of it; arguments as JSON. */
  read(abiFunction: string, functionArgs: readonly unknown[]): Promise<ReadOutcome>
  /** One transaction to it, awaited. A refusal names the contract's error. */
  write(abiFunction: string, functionArgs: readonly unknown[]): Promise<WriteOutcome>
  /** By the organisation's wallet. */
  sign(typedData: TypedData): Promise<SignOutcome>
  walletAddress(): Promise<string>
  /** Unix seconds. */
  nowSeconds(): number
  pause(seconds: number): Promise<void>
}

export const failed = (error: string): StepFailure => ({ success: false, error })

export const states = ['none', 'proposed', 'active', 'ended'] as const
export const verdicts = ['open', 'guilty', 'innocent', 'undecided'] as const
export const reasons = ['wrong-output', 'broken-receipts', 'withheld', 'false-witness'] as const
export type State = (typeof states)[number]
export type Verdict = (typeof verdicts)[number]
