import { expect, it } from 'vitest'
import { createTestPool } from '../../testing/test-pool.ts'

const hourMs = 3_600_000

/** A pool whose credentials are numbered as they are made, with the peers that they were made for. */
function openPool(iceRenewalMs: number | null) {
  const madeFor: string[] = []
  const iceServersFor = (peer: string) => {
    madeFor.push(peer)
    return [{ urls: ['turn:relay.test'], username: `${madeFor.length}:${peer}`, credential: 'secret' }]
  }
  return { ...createTestPool({}, { iceRenewalMs, iceServersFor }), madeFor }
}

it('gives each tab fresh credentials of its own, again and again, and breaks nothing', async () => {
  const pool = openPool(4 * hourMs)
  const tabs = await pool.joinTabs(2)
  const userNames = () =>
    tabs.map(tab =>
      tab.commands.flatMap(command =>
        command.type === 'ice-servers-renewed' ? command.iceServers.map(server => server.username) : [],
      ),
    )
  await pool.clock.advance(4 * hourMs - 1)
  expect(userNames()).toEqual([[], []])
  await pool.clock.advance(4 * hourMs)
  const [first, second] = tabs.map(tab => tab.peer)
  expect(userNames()).toEqual([[`3:${first}`], [`4:${second}`]])
  await pool.clock.advance(4 * hourMs)
  expect(userNames()).toEqual([
    [`3:${first}`, `5:${first}`],
    [`4:${second}`, `6:${second}`],
  ])
  // The ring is the one of the beginning: nobody had to join again.
  expect(pool.desk.snapshot().status).toBe('ready')
  for (const tab of tabs) {
    expect(tab.commands.filter(({ type }) => type === 'model-offered' || type === 'assign-slice')).toHaveLength(2)
  }
})

it('gives none to a tab that left, and none after the end', async () => {
  const pool = openPool(4 * hourMs)
  const [stays, leaves] = await pool.joinTabs(2)
  leaves!.leave()
  await pool.clock.advance(5 * hourMs)
  expect(pool.madeFor).toEqual([stays!.peer, leaves!.peer, stays!.peer])
  const told = stays!.commands.length
  pool.desk.close()
  await pool.clock.advance(9 * hourMs)
  expect(stays!.commands).toHaveLength(told)
  expect(pool.clock.pending).toBe(0)
})

it('renews nothing where nothing expires', async () => {
  const pool = openPool(null)
  const [tab] = await pool.joinTabs(2)
  await pool.clock.advance(100 * hourMs)
  expect(tab!.commands.some(({ type }) => type === 'ice-servers-renewed')).toBe(false)
})
