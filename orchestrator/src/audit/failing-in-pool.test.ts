import { expect, it } from 'vitest'
import { openAuditedPool } from '../../testing/audited-pool.ts'

it('a seat at which three answers in a row failed goes to somebody else, with the reason, and no failure', async () => {
  const pool = await openAuditedPool({ auditors: 0, others: 1 })
  const [entry, exit] = pool.seats
  const seated = (): string[] => pool.pool.desk.snapshot().seats.map(({ peer }) => peer)
  for (let turn = 0; turn < 3; turn++) {
    expect(seated()).toContain(exit!.peer)
    void pool.pool.chat({ max_tokens: 3 })
    const { requestId } = await entry!.nextJob()
    const error = { code: 'peer_frame_invalid' as const, message: 'It is none.', remedy: '', context: { seat: 1 } }
    entry!.say({ type: 'request-failed', requestId, error })
    await pool.pool.clock.settle()
  }
  const told = exit!.commands.findLast(command => command.type === 'standing-told')
  expect(told).toMatchObject({ failed: 0, changes: [{ reason: expect.stringContaining('failed at your seat') }] })
  // Rings change no sooner than a minute after they formed, and when something happens.
  await pool.pool.clock.advance(120_000)
  pool.pool.hub.tab(81, { model: pool.pool.model }).join()
  await pool.pool.clock.advance(120_000)
  expect(seated()).not.toContain(exit!.peer)
})
