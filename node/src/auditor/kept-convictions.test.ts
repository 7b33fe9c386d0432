import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { keepConvictions } from './kept-convictions.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kept-convictions-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const attempt = (digit: string): string => digit.repeat(128)
const bundle = (digit: string): `0x${string}` => `0x${digit.repeat(64)}`

it('knows after a restart, and after a kill in the middle of a line, which bundle was the first', () => {
  const file = join(folder, 'auditors', 'convicted')
  const before = keepConvictions(file)
  expect(before.firstOf(attempt('1'), bundle('a'))).toBe(bundle('a'))
  expect(before.firstOf(attempt('1'), bundle('b'))).toBe(bundle('a'))
  appendFileSync(file, `${attempt('2')} 0xcc`)
  const after = keepConvictions(file)
  expect(after.firstOf(attempt('1'), bundle('b'))).toBe(bundle('a'))
  expect(after.firstOf(attempt('2'), bundle('d'))).toBe(bundle('d'))
  expect(keepConvictions(file).firstOf(attempt('2'), bundle('e'))).toBe(bundle('d'))
})
