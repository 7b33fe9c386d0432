/**
 * What these steps need of the house they run in: read, write, a receipt's logs, and the encoding of nested calls. Upstream gives it
 * KeeperHub's own cores and ethers, a test gives it viem.
 */

export type StepFailure = { readonly success: false; readonly error: string }
export type ReadOutcome = { readonly success: true; readonly result: unknown } | StepFailure
export type WriteOutcome = { readonly success: true; readonly transactionHash?: string | undefined } | StepFailure

export interface EventLog {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
}

export interface SuperfluidPort {
  /** A lone output is the result itself, several are an object by name; whole numbers are decimal strings. */
  read(contract: string, abiFunction: string, functionArgs: readonly unknown[]): Promise<ReadOutcome>
  write(contract: string, abiFunction: string, functionArgs: readonly unknown[]): Promise<WriteOutcome>
  logsOf(transactionHash: string): Promise<{ readonly success: true; readonly logs: readonly EventLog[] } | StepFailure>
  /** Calldata of one of `superfluidAbi`. */
  encodeCall(abiFunction: string, functionArgs: readonly unknown[]): string
  encodeValues(types: readonly string[], values: readonly unknown[]): string
  walletAddress(): Promise<string>
}

export const failed = (error: string): StepFailure => ({ success: false, error })

/** Thrown inside a core, which turns it into `{ success: false, error }`. */
export class FieldError extends Error {}

export async function answering<T>(work: () => Promise<T>): Promise<T | StepFailure> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof FieldError) return failed(thrown.message)
    throw thrown
  }
}

export function addressField(value: unknown, field: string): string {
  const text = String(value ?? '').trim()
  if (!/^0x[0-9a-f]{40}$/i.test(text)) throw new FieldError(`${field} is no address: "${text.slice(0, 60)}".`)
  return text
}

export function wholeField(value: unknown, field: string): string {
  const text = String(value ?? '').trim()
  if (!/^\d{1,38}$/.test(text)) throw new FieldError(`${field} is no whole number: "${text.slice(0, 40)}".`)
  return text
}

export function flagField(value: unknown, field: string): boolean {
  if (value === undefined || value === '' || value === false || value === 'false') return false
  if (value === true || value === 'true') return true
  throw new FieldError(`${field} is neither true nor false.`)
}
