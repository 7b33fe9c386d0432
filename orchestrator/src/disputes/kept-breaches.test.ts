import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Breach } from './dispute-ports.ts'
import { keepBreaches } from './kept-breaches.ts'

let folder: string
const faults: unknown[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kept-breaches-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
  faults.length = 0
})
const open = () => keepBreaches(join(folder, 'convictions'), fault => faults.push(fault))

const breach = (digit: string): Breach => ({
  operator: `0x${digit.repeat(40)}`,
  what: 'wrong-output',
  requestId: 'r',
  members: [`0x${'ab'.repeat(20)}`],
  evidence: { sha256: digit.repeat(64), path: `/api/evidence/${digit.repeat(64)}` },
})

it('gives the next process what was told and not written down', () => {
  const first = open()
  for (const digit of ['1', '2', '2', '3']) first.keep(breach(digit))
  first.forget(breach('1'))
  const next = open()
  expect([...next.left()].sort((a, b) => (a.operator < b.operator ? -1 : 1))).toEqual([breach('2'), breach('3')])
  for (const left of next.left()) next.forget(left)
  expect(open().left()).toEqual([])
  expect(faults).toEqual([])
})

it('passes over what is no conviction, and says so', () => {
  open().keep(breach('1'))
  writeFileSync(join(folder, 'convictions', 'torn.json'), '{')
  expect(open().left()).toEqual([breach('1')])
  expect(faults).toHaveLength(1)
})
