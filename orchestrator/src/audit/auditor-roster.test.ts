import { expect, it } from 'vitest'
import { createAuditorRoster } from './auditor-roster.ts'

const peer = (n: number): string => `0x${String(n).padStart(40, '0')}.00000000`

it('an auditor that is vouched for has a place however many strangers came before it', () => {
  const layers = { start: 0, end: 2 }
  const isTrusted = (operator: string): boolean => operator === peer(9000).slice(0, 42)
  const roster = createAuditorRoster({ nowMs: () => 0, isTrusted, bytesOf: () => 1 })
  for (let n = 1; n <= 256; n++) roster.joined(peer(n))
  roster.take(peer(1))
  for (const late of [9000, 9001]) {
    roster.joined(peer(late))
    roster.measured(peer(late), 100)
  }
  const ring = { epoch: 1, seats: [], standbys: [] }
  expect(roster.pick({ ring, layers, isBarred: () => false })).toMatchObject({ peer: peer(9000) })
  // One stranger has gone for it, none that is at work, and no other stranger came in.
  expect([9001, 1, 2].map(n => roster.isAuditor(peer(n)))).toEqual([false, true, false])
  expect(roster.count()).toBe(256)
})
