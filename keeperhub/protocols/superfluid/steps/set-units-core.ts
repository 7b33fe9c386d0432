/**
 * Sets the units of any number of a pool's members in one transaction, all or nothing. Units that are as wanted are left out, so it may
 * be repeated. Raises come before cuts: at a total of zero Superfluid turns every running stream away from the pool for good.
 */
import { callAgreementOperation } from '../superfluid-abi.ts'
import {
  addressField,
  answering,
  FieldError,
  failed,
  flagField,
  type StepFailure,
  type SuperfluidPort,
  wholeField,
} from '../superfluid-port.ts'
import { findAgreement } from './find-agreement.ts'

export interface SetUnitsInput {
  readonly token: unknown
  readonly pool: unknown
  /** `[{ "member": "0x…", "units": "3" }, …]`, or JSON of it. */
  readonly members: unknown
  /** True where a pool without any units is meant, although a stream runs into it. */
  readonly allowEmpty?: unknown
}

export type SetUnitsResult =
  | {
      readonly success: true
      readonly changed: number
      readonly totalUnits: string
      readonly transactionHash: string | null
    }
  | StepFailure

const mostMembers = 100

interface Change {
  readonly member: string
  readonly units: bigint
  readonly before: bigint
}

export const setUnitsCore = (input: SetUnitsInput, port: SuperfluidPort): Promise<SetUnitsResult> =>
  answering(async (): Promise<SetUnitsResult> => {
    const [token, pool] = [addressField(input.token, 'token'), addressField(input.pool, 'pool')]
    const wanted = membersOf(input.members)
    const isEmptyMeant = flagField(input.allowEmpty, 'allowEmpty')
    const found = await findAgreement(token, port)
    if (!found.success) return found
    const changes: Change[] = []
    for (const { member, units } of wanted) {
      const read = await port.read(pool, 'getUnits', [member])
      if (!read.success) return read
      const before = BigInt(String(read.result))
      if (before !== units) changes.push({ member, units, before })
    }
    const total = await port.read(pool, 'getTotalUnits', [])
    if (!total.success) return total
    const after = changes.reduce((sum, { units, before }) => sum + units - before, BigInt(String(total.result)))
    if (changes.length === 0) return { success: true, changed: 0, totalUnits: String(after), transactionHash: null }
    if (after === 0n && !isEmptyMeant) {
      const rate = await port.read(pool, 'getTotalFlowRate', [])
      if (!rate.success) return rate
      if (BigInt(String(rate.result)) !== 0n) {
        return failed('The pool would have no units while a stream runs into it; stop the stream first, or allow it.')
      }
    }
    changes.sort((one, other) => Number(one.units < one.before) - Number(other.units < other.before))
    const operations = changes.map(({ member, units }) => {
      const call = port.encodeCall('updateMemberUnits', [pool, member, String(units), '0x'])
      return {
        operationType: callAgreementOperation,
        target: found.gda,
        data: port.encodeValues(['bytes', 'bytes'], [call, '0x']),
      }
    })
    const written = await port.write(found.host, 'batchCall', [operations])
    if (!written.success) return written
    return {
      success: true,
      changed: changes.length,
      totalUnits: String(after),
      transactionHash: written.transactionHash ?? null,
    }
  })

function membersOf(value: unknown): { readonly member: string; readonly units: bigint }[] {
  let parsed = value
  try {
    if (typeof value === 'string') parsed = JSON.parse(value)
  } catch {
    throw new FieldError('members is no JSON.')
  }
  if (!Array.isArray(parsed)) throw new FieldError('members is no JSON array.')
  if (parsed.length > mostMembers) throw new FieldError(`members holds ${parsed.length}; ${mostMembers} are allowed.`)
  const members = parsed.map((each: { member?: unknown; units?: unknown } | null, at) => ({
    member: addressField(each?.member, `members[${at}].member`),
    units: BigInt(wholeField(each?.units, `members[${at}].units`)),
  }))
  if (new Set(members.map(({ member }) => member.toLowerCase())).size !== members.length) {
    throw new FieldError('members names somebody twice.')
  }
  return members
}
