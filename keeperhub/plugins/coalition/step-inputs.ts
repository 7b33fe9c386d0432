/** Fields of steps as templates leave them, which is text or JSON in text, read once and told apart where they are wrong. */
import { reasons } from './coalition-port.ts'

/** Thrown inside a core, which turns it into `{ success: false, error }`. */
export class FieldError extends Error {}

export function wholeNumber(value: unknown, field: string): string {
  const text = String(value ?? '').trim()
  if (!/^\d{1,78}$/.test(text)) throw new FieldError(`${field} is no whole number: "${text.slice(0, 40)}".`)
  return text
}

export function id(value: unknown, field: string): string {
  const text = wholeNumber(value, field)
  if (/^0+$/.test(text)) throw new FieldError(`${field} is 0; ids begin at 1.`)
  return text
}

export const address = (value: unknown, field: string): string => hex(value, field, 20)
export const hash32 = (value: unknown, field: string): string => hex(value, field, 32)

export function bytes(value: unknown, field: string): string {
  const text = String(value ?? '').trim()
  if (!/^0x([0-9a-f]{2})*$/i.test(text)) throw new FieldError(`${field} is no 0x-prefixed hex.`)
  return text
}

export function flag(value: unknown, field: string): boolean {
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new FieldError(`${field} is neither true nor false.`)
}

/** By name or by index; its index. */
export function reason(value: unknown): string {
  const text = String(value ?? '').trim()
  const at = reasons.indexOf(text as (typeof reasons)[number])
  if (at >= 0) return String(at)
  if (/^[0-3]$/.test(text)) return text
  throw new FieldError(`reason is none of ${reasons.join(', ')}.`)
}

/** An object, or JSON of one. */
export function object(value: unknown, field: string): Record<string, unknown> {
  const parsed = parse(value, field)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new FieldError(`${field} is no JSON object.`)
  }
  return parsed as Record<string, unknown>
}

export function list(value: unknown, field: string): unknown[] {
  const parsed = parse(value, field)
  if (!Array.isArray(parsed)) throw new FieldError(`${field} is no JSON array.`)
  return parsed
}

/** The core's answer, or the field that was wrong. */
export async function answering<T>(work: () => Promise<T>): Promise<T | { success: false; error: string }> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof FieldError) return { success: false, error: thrown.message }
    throw thrown
  }
}

function hex(value: unknown, field: string, sizeBytes: number): string {
  const text = bytes(value, field)
  if (text.length !== 2 + 2 * sizeBytes) throw new FieldError(`${field} has not ${sizeBytes} bytes.`)
  return text
}

function parse(value: unknown, field: string): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    throw new FieldError(`${field} is no JSON.`)
  }
}
