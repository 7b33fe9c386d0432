import { greedy } from '@computepool/shared/pipeline'
import { fakeJob } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { openPeerPool, type PeerPool, type PoolPeer } from '../../testing/peer-pool.ts'

const job = fakeJob('r', { maxTokens: 6, sampling: greedy })

async function joined(pool: PeerPool, tabs: readonly PoolPeer[]): Promise<void> {
  for (const tab of tabs) {
    await pool.until('peer-joined', () => tab.heard.some(message => message.type === 'peer-joined'))
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
  }
}

/** Two seats, and one that stands by for the second. */
async function withStandby() {
  const pool = openPeerPool()
  const tested: string[] = []
  const open = (name: string): PoolPeer => pool.open({ selfTest: async () => void tested.push(name) })
  const [first, second, standby] = [open('first'), open('second'), open('standby')]
  await joined(pool, [first, second, standby])
  pool.assign([first, second], 1)
  for (const tab of [first, second]) await pool.untilStatus(tab, 'serving')
  pool.prepare([first, second], standby, 1, 1)
  await pool.untilStatus(standby, 'standing-by')
  return { pool, first, second, standby, tested }
}

const of = <Type extends string>(tab: PoolPeer, type: Type) => tab.heard.filter(message => message.type === type)
/** The last report: of which assignment, and who is linked. */
function reported(tab: PoolPeer): unknown[] {
  const last = tab.heard.findLast(message => message.type === 'links-reported')!
  return [last.epoch, ...last.links.filter(link => link.isOpen).map(link => link.peer)]
}
const openLinks = (tab: PoolPeer): string[] =>
  tab
    .snapshot()
    .links.filter(link => link.isOpen)
    .map(link => link.peer)
    .sort()

describe('a standby', () => {
  it('loads, tests, and links to every seat, and serves nothing', async () => {
    const { pool, first, second, standby, tested } = await withStandby()
    expect(of(standby, 'slice-ready')).toMatchObject([{ epoch: 1 }])
    expect(of(standby, 'slice-progressed').map(message => 'phase' in message && message.phase)).toContain('testing')
    expect(tested).toContain('standby')
    expect(standby.snapshot()).toMatchObject({ status: 'standing-by', layers: { start: 3, end: 6 }, seat: null })
    expect(openLinks(standby)).toEqual([first.peer(), second.peer()].sort())
    expect(openLinks(first)).toEqual([second.peer(), standby.peer()].sort())
    // The ring goes on as before.
    expect(first.snapshot().status).toBe('serving')
    pool.command(standby, { type: 'run-request', epoch: 1, job })
    await pool.until('an answer', () => of(standby, 'request-failed').length > 0)
    expect(of(standby, 'request-failed')).toMatchObject([{ error: { code: 'swarm_coalition_lost' } }])
    await pool.clock.advance(1500)
    expect(of(standby, 'stats-reported').at(-1)).toMatchObject({ requests: 0 })
  })

  it('takes a seat at once: it loads and links nothing again', async () => {
    const { pool, first, second, standby, tested } = await withStandby()
    await second.running.leave()
    const asked = pool.asked.length
    const before = pool.clock.monotonicMs()
    pool.assign([first, standby], 2)
    await pool.clock.settle()
    for (const tab of [first, standby]) {
      expect(tab.snapshot().status).toBe('serving')
      expect(of(tab, 'slice-ready').at(-1)).toMatchObject({ epoch: 2 })
      expect(reported(tab)).toEqual([2, tab === first ? standby.peer() : first.peer()])
    }
    expect(pool.clock.monotonicMs()).toBe(before)
    expect(pool.asked).toHaveLength(asked)
    expect([first.engines, standby.engines].map(engines => engines.length)).toEqual([1, 1])
    expect(tested.sort()).toEqual(['first', 'second', 'standby'])
    pool.command(first, { type: 'run-request', epoch: 2, job })
    await pool.until('the end', () => of(first, 'request-finished').length > 0)
    expect(of(first, 'token-generated')).toHaveLength(6)
  })

  it('drops its slice and its links when it is released', async () => {
    const { pool, first, second, standby } = await withStandby()
    pool.command(standby, { type: 'release-slice', epoch: 1 })
    await pool.untilStatus(standby, 'waiting-for-slice')
    await pool.until('links closed', () => openLinks(first).length === 1)
    expect(openLinks(first)).toEqual([second.peer()])
    // What it held is freed: the next time it loads.
    pool.prepare([first, second], standby, 1, 1)
    await pool.untilStatus(standby, 'standing-by')
    expect(standby.engines).toHaveLength(2)
  })

  it('tells the page where its device is lost, although it served nothing', async () => {
    const { pool, standby } = await withStandby()
    standby.engines[0]!.loseDevice()
    await pool.clock.settle()
    expect(standby.lostEngines).toEqual(['engine_device_lost'])
    expect(standby.heard.at(-1)).toEqual({ type: 'peer-leaving' })
  })

  it('may be moved to other layers of the same ring', async () => {
    const { pool, first, second, standby } = await withStandby()
    pool.prepare([first, second], standby, 0, 1)
    await pool.until('the other layers', () => standby.snapshot().layers?.start === 0)
    await pool.untilStatus(standby, 'standing-by')
    expect(standby.engines).toHaveLength(2)
    expect(openLinks(standby)).toEqual([first.peer(), second.peer()].sort())
  })
})

it('tells the desk of links that stayed before it has loaded what it was given', async () => {
  const pool = openPeerPool()
  const [first, second] = [pool.open(), pool.open()]
  await joined(pool, [first, second])
  pool.assign([first, second], 1)
  for (const tab of [first, second]) await pool.untilStatus(tab, 'serving')
  pool.assign([second, first], 2)
  await pool.until('the other layers', () => of(first, 'slice-ready').length === 2)
  const ofSecond = first.heard.filter(message => 'epoch' in message && message.epoch === 2)
  expect(ofSecond[0]).toMatchObject({ type: 'links-reported', links: [{ peer: second.peer(), isOpen: true }] })
})

describe('after a break', () => {
  it('an orchestrator that starts anew finds the tabs with what they hold, and linked', async () => {
    const pool = openPeerPool()
    const tabs = [pool.open(), pool.open()]
    await joined(pool, tabs)
    pool.assign(tabs, 7)
    for (const tab of tabs) await pool.untilStatus(tab, 'serving')
    pool.command(tabs[0]!, { type: 'run-request', epoch: 7, job: { ...job, maxTokens: 100 } })
    await pool.until('tokens', () => of(tabs[0]!, 'token-generated').length > 2)
    const asked = pool.asked.length
    for (const tab of tabs) tab.breakSocket()
    await pool.until('back', () => tabs.every(tab => of(tab, 'peer-joined').length === 2))
    expect(tabs.map(tab => of(tab, 'peer-joined').at(-1))).toMatchObject([
      { holding: { model: pool.manifest.model, layers: { start: 0, end: 3 } } },
      { holding: { model: pool.manifest.model, layers: { start: 3, end: 6 } } },
    ])
    expect(of(tabs[0]!, 'peer-joined')[0]).not.toHaveProperty('holding')
    for (const tab of tabs) pool.offer(tab)
    for (const tab of tabs) await pool.untilStatus(tab, 'waiting-for-slice')
    // What ran has ended, for nobody heard of it.
    for (const tab of tabs) expect(tab.engines[0]!.memory().kvBytes).toBe(0)
    pool.assign(tabs, 1)
    await pool.clock.settle()
    expect(tabs.map(tab => tab.snapshot().status)).toEqual(['serving', 'serving'])
    expect(tabs.map(tab => tab.engines.length)).toEqual([1, 1])
    expect(pool.asked).toHaveLength(asked)
    pool.command(tabs[0]!, { type: 'run-request', epoch: 1, job: { ...job, requestId: 'again' } })
    await pool.until('the end', () => of(tabs[0]!, 'request-finished').length > 0)
  })
})
