import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Breach } from './audit/index.ts'
import { createTrust } from './create-trust.ts'
import { keepBreaches } from './disputes/kept-breaches.ts'

let dataDir: string
const faults: unknown[] = []
const onFault = (fault: unknown): void => void faults.push(fault)
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'create-trust-'))
})
afterEach(() => {
  rmSync(dataDir, { recursive: true })
  expect(faults.splice(0)).toEqual([])
})

const operator = `0x${'a1'.repeat(20)}`
const sha256 = 'e1'.repeat(32)
const breach: Breach = {
  ...{ operator, peer: `${operator}.tab`, requestId: 'r', epoch: 1, seat: 0, members: [operator] },
  ...{ what: 'wrong-output', evidence: { sha256, path: `/api/evidence/${sha256}` } },
}

/** A process; `cut`: it is killed when it has kept the conviction, or before anybody is told of it. */
function start(cut: 'kept' | 'told' | null = null) {
  const kept = keepBreaches(join(dataDir, 'convictions'), onFault)
  const left = kept.left()
  const accused: Breach[] = []
  const trust = createTrust({
    ...{ clock: createManualClock(), entropy: createSeededRandom(1), dataDir, trustedAuditors: () => [], onFault },
    convictions: {
      keep: told => {
        kept.keep(told)
        if (cut === 'kept') throw new Error('Killed.')
      },
      left,
    },
    onBreach: told => {
      if (cut === 'told') throw new Error('Killed.')
      accused.push(told)
    },
  })
  return { trust, left, accused }
}

it.each(['kept', 'told'] as const)(
  'a kill when a conviction was %s loses neither the bar nor the accusation',
  async cut => {
    const first = start(cut)
    await first.trust.standing.ready
    expect(() => first.trust.hooks.audit.onConvicted(breach)).toThrow('Killed.')
    expect(first.accused).toEqual([])

    const { trust, left } = start()
    expect(left).toMatchObject([{ operator, evidence: { sha256 } }])
    await trust.standing.ready
    await null
    expect(trust.standing.isBanned(operator)).toBe(true)
    // Once: a second start holds it no harder against it.
    const failed = trust.standing.of(operator).failed
    const again = start()
    await again.trust.standing.ready
    await null
    expect(again.trust.standing.of(operator).failed).toBe(failed)
    for (const each of [trust, again.trust]) await each.close()
  },
)

it('keeps a conviction before the book has it', async () => {
  const { trust, accused } = start()
  await trust.standing.ready
  trust.hooks.audit.onConvicted(breach)
  expect(accused).toEqual([breach])
  expect(keepBreaches(join(dataDir, 'convictions'), onFault).left()).toHaveLength(1)
  await trust.close()
})
