/**
 * A contract action's settings as a call: the ABI and the arguments are JSON strings, the function is named by `abiFunction` (with
 * its parameter types where a name is overloaded). It encodes and decodes; it sends nothing.
 */
import {
  type Abi,
  type AbiEvent,
  type AbiFunction,
  type AbiParameter,
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  type Hex,
  isAddress,
  RawContractError,
} from 'viem'

export interface ContractCall {
  readonly address: Address
  readonly abi: Abi
  readonly fragment: AbiFunction
  readonly args: readonly unknown[]
}

/** Errors: a plain `Error` that names the setting at fault. */
export function readContractCall(config: Readonly<Record<string, unknown>>): ContractCall {
  const { address, abi } = readContract(config)
  const name = String(config.abiFunction ?? '').trim()
  if (name === '') throw new Error('The step has no abiFunction.')
  const candidates = abi.filter(
    (entry): entry is AbiFunction => entry.type === 'function' && (entry.name === name || signature(entry) === name),
  )
  const [fragment] = candidates
  if (!fragment) throw new Error(`The ABI has no function "${name}".`)
  if (candidates.length > 1)
    throw new Error(`The ABI has ${candidates.length} functions "${name}"; name the parameters too.`)
  const given = parseArray(config.functionArgs, 'functionArgs')
  if (given.length !== fragment.inputs.length) {
    throw new Error(
      `${signature(fragment)} takes ${fragment.inputs.length} arguments; functionArgs has ${given.length}.`,
    )
  }
  return { address, abi, fragment, args: fragment.inputs.map((input, at) => coerce(given[at], input)) }
}

/** The event of a query, and a filter by its indexed parameters; null matches anything. */
export function readEventQuery(config: Readonly<Record<string, unknown>>) {
  const { address, abi } = readContract(config)
  const name = String(config.eventName ?? '')
  const event = abi.find((entry): entry is AbiEvent => entry.type === 'event' && entry.name === name)
  if (!event) throw new Error(`The ABI has no event "${name}".`)
  const indexed = event.inputs.filter(input => input.indexed)
  const given = parseArray(config.eventArgs, 'eventArgs')
  if (given.length > indexed.length) {
    throw new Error(`The event ${name} has ${indexed.length} indexed parameters; eventArgs has ${given.length}.`)
  }
  const filters = indexed.map((input, at) => {
    const value = given[at]
    return value === undefined || value === null || value === '' ? null : coerce(value, input)
  })
  return { address, event, filters }
}

/** What a read gives downstream: JSON, with amounts as decimal strings; outputs that the ABI names are named. */
export function structureResult(value: unknown, { outputs }: AbiFunction): unknown {
  const [only] = outputs
  if (outputs.length === 1 && only) return only.name ? { [only.name]: plain(value) } : plain(value)
  const values = Array.isArray(value) ? value : []
  return Object.fromEntries(outputs.map((output, at) => [output.name || `unnamedOutput${at}`, plain(values[at])]))
}

/** JSON without loss: bigints become decimal strings. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  }
  return value
}

/** Why a call failed, with the contract's own error where the ABI knows it. */
export function describeCallError(thrown: unknown, abi: Abi): string {
  if (!(thrown instanceof BaseError)) return thrown instanceof Error ? thrown.message : String(thrown)
  const reverted = thrown.walk(error => error instanceof ContractFunctionRevertedError)
  if (reverted instanceof ContractFunctionRevertedError && reverted.data) {
    return `The contract refused: ${errorText(reverted.data.errorName, reverted.data.args)}`
  }
  const data = revertData(thrown)
  if (data !== null) {
    try {
      const { errorName, args } = decodeErrorResult({ abi, data })
      return `The contract refused: ${errorText(errorName, args)}`
    } catch {
      return `The contract refused, with ${data.slice(0, 10)}.`
    }
  }
  return thrown.shortMessage
}

const errorText = (name: string, args: readonly unknown[] | undefined): string =>
  name === 'Error' ? String(args?.[0] ?? '') : `${name}(${(args ?? []).map(String).join(', ')})`

function revertData(thrown: BaseError): Hex | null {
  const raw = thrown.walk(
    error => error instanceof RawContractError || (typeof error === 'object' && error !== null && 'data' in error),
  )
  const data = raw === null ? null : (raw as { data?: unknown }).data
  const hex = typeof data === 'object' && data !== null && 'data' in data ? data.data : data
  return typeof hex === 'string' && /^0x[0-9a-f]{8,}$/i.test(hex) ? (hex as Hex) : null
}

function readContract(config: Readonly<Record<string, unknown>>): { address: Address; abi: Abi } {
  const address = String(config.contractAddress ?? '')
  if (!isAddress(address)) throw new Error(`"${address.slice(0, 60)}" is no contract address.`)
  return { address, abi: parseArray(config.abi, 'abi') as Abi }
}

function parseArray(text: unknown, setting: string): unknown[] {
  if (text === undefined || text === null || text === '') return []
  let value: unknown = text
  try {
    if (typeof text === 'string') value = JSON.parse(text)
  } catch {
    throw new Error(`${setting} is no JSON.`)
  }
  if (!Array.isArray(value)) throw new Error(`${setting} is no JSON array.`)
  return value
}

const signature = ({ name, inputs }: AbiFunction): string => `${name}(${inputs.map(({ type }) => type).join(',')})`

function coerce(value: unknown, parameter: AbiParameter): unknown {
  const array = /^(.*)\[\d*\]$/.exec(parameter.type)
  if (array) {
    // An array may have come as JSON in a string.
    const items = typeof value === 'string' ? parseArray(value, parameter.name ?? 'an argument') : value
    if (!Array.isArray(items)) throw new Error(`The argument "${parameter.name}" is no array.`)
    return items.map(item => coerce(item, { ...parameter, type: array[1] ?? '' }))
  }
  if (parameter.type === 'tuple' && 'components' in parameter) {
    return parameter.components.map((component, at) =>
      coerce(Array.isArray(value) ? value[at] : (value as Record<string, unknown>)?.[component.name ?? ''], component),
    )
  }
  if (/^u?int/.test(parameter.type)) {
    if (typeof value === 'string' && /^-?(0x[0-9a-f]+|\d+)$/i.test(value)) return BigInt(value)
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
    throw new Error(`The argument "${parameter.name}" is no whole number: ${JSON.stringify(value)?.slice(0, 60)}.`)
  }
  if (parameter.type === 'bool') {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    throw new Error(`The argument "${parameter.name}" is neither true nor false.`)
  }
  return value
}
