import { answerChallenge, sliceProofText } from '@computepool/shared/audit'
import { isTextSignedBy } from '@computepool/shared/receipts'
import { openFakeEngine } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { heardBy } from '../../testing/check-stage.ts'
import { openPeerPool } from '../../testing/peer-pool.ts'

const challengeOf = (digit: number) => ({
  challenge: `challenge:${String(digit).repeat(20)}`,
  layers: { start: 3, end: 6 },
  seed: String(digit).repeat(64),
  nonce: 'b'.repeat(64),
  positions: 40,
})

/** Two seats, and one that stands by for the second and computes no challenge but while `go` is open. */
async function openStage() {
  const pool = openPeerPool()
  let gate: Promise<void> = Promise.resolve()
  let steps = 0
  const beforeStep = async (rows: readonly { readonly requestId: string }[]) => {
    if (!rows[0]!.requestId.startsWith('challenge:')) return
    steps += 1
    await gate
  }
  const [first, second, standby] = [pool.open(), pool.open(), pool.open({}, { beforeStep })]
  for (const tab of [first, second, standby]) {
    await pool.until('peer-joined', () => heardBy(tab, 'peer-joined').length > 0)
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
  }
  pool.assign([first, second], 1)
  for (const tab of [first, second]) await pool.untilStatus(tab, 'serving')
  pool.prepare([first, second], standby, 1, 1)
  await pool.untilStatus(standby, 'standing-by')
  const ask = (digit: number, tab = standby, withinMs = 60_000): void =>
    pool.command(tab, { type: 'prove-slice', ...challengeOf(digit), withinMs })
  const said = (tab = standby) => heardBy(tab, 'slice-proved')
  const hold = (): (() => void) => {
    let open = (): void => {}
    gate = new Promise(resolve => {
      open = resolve
    })
    return () => open()
  }
  return { pool, first, second, standby, ask, said, hold, steps: () => steps }
}

it('answers with what anybody computes of the seed, signed by the key that its wallet vouched for', async () => {
  const { pool, standby, second, ask, said } = await openStage()
  ask(1)
  await pool.until('a proof', () => said().length > 0)
  const [{ proof, signature, challenge }] = said() as [ReturnType<typeof said>[number]]
  const engine = openFakeEngine({ manifest: pool.manifest, layers: { start: 3, end: 6 } }, { maxChunk: 3 })
  expect(challenge).toBe(challengeOf(1).challenge)
  expect(proof).toEqual(await answerChallenge({ engine, manifest: pool.manifest, asked: challengeOf(1) }))
  const { key } = heardBy(standby, 'peer-joined')[0]!.sessionKey!
  expect(isTextSignedBy(sliceProofText(challengeOf(1), proof!), signature!, key)).toBe(true)
  expect(isTextSignedBy(sliceProofText(challengeOf(2), proof!), signature!, key)).toBe(false)
  expect(standby.engines[0]!.memory().requests).toBe(0)
  // A seat’s slice serves: it is not for this.
  ask(1, second)
  await pool.until('a refusal', () => said(second).length > 0)
  expect(said(second)).toMatchObject([
    { proof: null, signature: null, words: expect.stringContaining('without a seat') },
  ])
})

it('computes one at a time, none that nobody waits for, and goes on standing by', async () => {
  const { pool, standby, ask, said, hold, steps } = await openStage()
  const open = hold()
  ask(1)
  await pool.until('its first step', () => steps() > 0)
  ask(2)
  await pool.until('a refusal', () => said().length > 0)
  expect(said()).toMatchObject([{ challenge: challengeOf(2).challenge, proof: null }])
  pool.command(standby, { type: 'drop-proof', challenge: challengeOf(1).challenge })
  await pool.clock.settle()
  open()
  await pool.clock.settle()
  expect(said()).toHaveLength(1)
  ask(3)
  await pool.until('another', () => said().length > 1)
  expect(said().at(-1)!.proof).not.toBeNull()
  expect(standby.snapshot().status).toBe('standing-by')
})

it('says that it could not where its time is over, or its layers are taken', async () => {
  const { pool, first, standby, ask, said, hold, steps } = await openStage()
  let open = hold()
  ask(1, standby, 5000)
  await pool.until('its first step', () => steps() > 0)
  await pool.clock.advance(5000)
  open()
  await pool.until('a word', () => said().length > 0)
  open = hold()
  ask(2)
  await pool.until('its next step', () => steps() > 1)
  // It is given the seat in the middle: the engine is its pipeline’s as soon as the step is over.
  pool.assign([first, standby], 2)
  await pool.clock.settle()
  open()
  await pool.untilStatus(standby, 'serving')
  expect(said().map(({ proof, words }) => [proof, words])).toEqual([
    [null, 'It took too long.'],
    [null, 'The layers were given up.'],
  ])
  expect(standby.engines).toHaveLength(1)
  expect(standby.engines[0]!.memory().requests).toBe(0)
})
