import { greedy } from '@computepool/shared/pipeline'
import { fakeJob } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { openPeerPool, type PeerPool, type PoolPeer } from '../../testing/peer-pool.ts'

const job = fakeJob('r', { maxTokens: 6, sampling: greedy })
const deadlineMs = 60_000

async function openServing(count: number): Promise<{ pool: PeerPool; tabs: PoolPeer[] }> {
  const pool = openPeerPool()
  const tabs = Array.from({ length: count }, () => pool.open())
  for (const tab of tabs) {
    await pool.until('peer-joined', () => heard(tab, 'peer-joined'))
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
  }
  pool.assign(tabs, 1)
  for (const tab of tabs) await pool.untilStatus(tab, 'serving')
  return { pool, tabs }
}

const heard = (tab: PoolPeer, type: string): boolean => tab.heard.some(message => message.type === type)
const typesInOrder = (tab: PoolPeer, ...types: string[]): string[] =>
  tab.heard.map(message => message.type).filter(type => types.includes(type))

it('finishes what runs, and leaves when the desk lets it go', async () => {
  const { pool, tabs } = await openServing(2)
  const [entry, exit] = tabs as [PoolPeer, PoolPeer]
  pool.command(entry, { type: 'run-request', epoch: 1, job })
  await pool.until('a token', () => heard(entry, 'token-generated'))
  const left = exit.running.drain(deadlineMs)
  await pool.until('the end', () => heard(entry, 'request-finished'))
  await pool.until('it shows that it drains', () => exit.snapshot().isDraining)
  expect(exit.snapshot().status).toBe('serving')
  pool.command(exit, { type: 'release-slice', epoch: 1 })
  await pool.until('it has left', () => exit.snapshot().status === 'idle')
  await left
  expect(typesInOrder(exit, 'peer-draining', 'peer-leaving')).toEqual(['peer-draining', 'peer-leaving'])
  expect(entry.heard.filter(message => message.type === 'token-generated')).toHaveLength(6)
})

it('leaves at its deadline where the desk never answers, and not before', async () => {
  const { pool, tabs } = await openServing(1)
  const tab = tabs[0]!
  const left = tab.running.drain(deadlineMs)
  await pool.clock.advance(deadlineMs - 1000)
  expect(tab.snapshot().status).toBe('serving')
  await pool.clock.advance(2000)
  await left
  expect(tab.snapshot().status).toBe('idle')
  expect(pool.clock.pending).toBe(0)
})

it('leaves at once where it holds nothing, where the desk is gone, where it would begin anew, or where it is told to', async () => {
  const pool = openPeerPool()
  const idle = pool.open()
  await pool.until('peer-joined', () => heard(idle, 'peer-joined'))
  await idle.running.drain(deadlineMs)
  expect(heard(idle, 'peer-draining')).toBe(false)

  const ways: ((pool: PeerPool, tab: PoolPeer) => void)[] = [
    (_, tab) => tab.breakSocket(),
    (pool, tab) => pool.assign([tab], 2),
    (_, tab) => void tab.running.leave(),
  ]
  for (const way of ways) {
    const { pool, tabs } = await openServing(1)
    // Beyond what `until` waits: only the way itself can end it.
    const left = tabs[0]!.running.drain(10 * deadlineMs)
    await pool.until('peer-draining', () => heard(tabs[0]!, 'peer-draining'))
    way(pool, tabs[0]!)
    await pool.until('it has left', () => tabs[0]!.snapshot().status === 'idle')
    await left
  }
})
