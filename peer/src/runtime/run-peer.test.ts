import { ComputePoolError } from '@computepool/shared/errors'
import { greedy } from '@computepool/shared/pipeline'
import { fakeJob, openSwarm } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { openPeerPool, type PeerPool, type PoolPeer } from '../../testing/peer-pool.ts'

const job = fakeJob('r', { maxTokens: 6, sampling: greedy })

async function joined(pool: PeerPool, ...tabs: PoolPeer[]): Promise<void> {
  for (const tab of tabs) {
    await pool.until('peer-joined', () => tab.heard.some(message => message.type === 'peer-joined'))
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
  }
}

async function serving(pool: PeerPool, tabs: readonly PoolPeer[], epoch = 1): Promise<void> {
  await joined(pool, ...tabs)
  pool.assign(tabs, epoch)
  for (const tab of tabs) await pool.untilStatus(tab, 'serving')
}

const typesOf = (tab: PoolPeer): string[] => [...new Set(tab.heard.map(message => message.type))]
const tokensOf = (tab: PoolPeer, requestId: string): number[] =>
  tab.heard.flatMap(message =>
    message.type === 'token-generated' && message.requestId === requestId ? [message.sampled.token] : [],
  )

describe('a tab', () => {
  it('joins, measures itself, loads what it is given, and serves', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await serving(pool, [tab])
    expect(typesOf(tab)).toEqual([
      'peer-joined',
      'capability-reported',
      'slice-progressed',
      'slice-ready',
      'links-reported',
    ])
    expect(tab.snapshot()).toMatchObject({
      layers: { start: 0, end: 6 },
      seat: 0,
      modelLayers: 6,
      engineChoice: { kind: 'wasm' },
      error: null,
    })
    expect(tab.snapshot().peer).toMatch(/^0x[0-9a-f]{40}\.[0-9a-f]{8}$/)
    pool.command(tab, { type: 'run-request', epoch: 1, job })
    await pool.until('the end', () => tab.heard.some(message => message.type === 'request-finished'))
    await pool.clock.advance(1500)
    expect(tab.snapshot()).toMatchObject({ tokensServed: 6, requests: 0 })
  })

  it('takes new ICE servers while it serves, and joins nothing anew for them', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    const servers = (number: number) => [
      { urls: ['turn:relay.test'], username: `${number}:tab`, credential: `secret ${number}` },
    ]
    await pool.until('peer-joined', () => tab.heard.length > 0)
    pool.offer(tab, servers(1))
    await pool.untilStatus(tab, 'waiting-for-slice')
    pool.assign([tab], 1)
    await pool.untilStatus(tab, 'serving')
    expect(tab.iceServers()).toEqual(servers(1))
    const said = typesOf(tab)
    pool.command(tab, { type: 'ice-servers-renewed', iceServers: servers(2) })
    await pool.until('new servers', () => tab.iceServers()[0]?.username === '2:tab')
    expect(tab.iceServers()).toEqual(servers(2))
    expect(tab.snapshot().status).toBe('serving')
    expect(typesOf(tab)).toEqual(said)
    expect(tab.engines).toHaveLength(1)
  })

  it('answers with others as one tab does', async () => {
    const pool = openPeerPool()
    const tabs = [pool.open(), pool.open(), pool.open()]
    await serving(pool, tabs)
    pool.command(tabs[0]!, { type: 'run-request', epoch: 1, job })
    await pool.until('the end', () => typesOf(tabs[0]!).includes('request-finished'))
    const alone = openSwarm({ peers: 1 })
    alone.pipelines[0]!.submit(job)
    await alone.untilEnd('r')
    expect(tokensOf(tabs[0]!, 'r')).toEqual(alone.tokensOf('r'))
    for (const tab of tabs) expect(tab.engines[0]!.memory().kvBytes).toBe(0)
  })

  it('downloads its own parts only', async () => {
    const pool = openPeerPool()
    const tabs = [pool.open(), pool.open()]
    await joined(pool, ...tabs)
    const before = pool.asked.length
    pool.assign(tabs, 1)
    for (const tab of tabs) await pool.untilStatus(tab, 'serving')
    const paths = pool.asked.slice(before).map(entry => entry.path.replace('packs/', ''))
    expect(paths.sort()).toEqual(pool.manifest.parts.map(part => part.path).sort())
    expect(tabs.map(tab => tab.snapshot().parts.map(part => part.name))).toEqual([
      ['embedding', 'layer-0', 'layer-1', 'layer-2'],
      ['layer-3', 'layer-4', 'layer-5', 'head'],
    ])
  })

  it('keeps its engine where a new assignment gives it the same layers', async () => {
    const pool = openPeerPool()
    const [first, second, third] = [pool.open(), pool.open(), pool.open()]
    await serving(pool, [first, second])
    await joined(pool, third)
    pool.assign([first, third], 2)
    await pool.untilStatus(third, 'serving')
    await pool.untilStatus(first, 'serving')
    expect(first.engines).toHaveLength(1)
    expect(first.heard.filter(message => message.type === 'slice-ready').map(message => message.epoch)).toEqual([1, 2])
    pool.command(first, { type: 'run-request', epoch: 2, job })
    await pool.until('the end', () => typesOf(first).includes('request-finished'))
    expect(tokensOf(first, 'r')).toHaveLength(6)
  })

  it('drops an assignment that is still loading when another comes', async () => {
    let hold = true
    const pool = openPeerPool((path, earlier) =>
      hold && path.includes('bin') && earlier === 0 ? { stallAfter: 1000 } : {},
    )
    const [first, second] = [pool.open(), pool.open()]
    await joined(pool, first, second)
    pool.assign([first], 1)
    await pool.untilStatus(first, 'downloading')
    await pool.clock.advance(200)
    hold = false
    pool.assign([second, first], 2)
    await pool.untilStatus(first, 'serving')
    expect(first.snapshot()).toMatchObject({ seat: 1, layers: { start: 3, end: 6 } })
    expect(first.heard.some(message => message.type === 'slice-ready' && message.epoch === 1)).toBe(false)
    expect(first.heard.some(message => message.type === 'slice-refused')).toBe(false)
  })

  it('refuses its slice with the reason where it computes wrongly', async () => {
    const pool = openPeerPool()
    const tab = pool.open({
      selfTest: async () => {
        throw new ComputePoolError('engine_self_test_failed', 'Position 4 is off by 0.4.')
      },
    })
    await joined(pool, tab)
    pool.assign([tab], 1)
    await pool.untilStatus(tab, 'failed')
    expect(tab.snapshot().error).toMatchObject({ code: 'engine_self_test_failed' })
    expect(tab.heard.at(-1)).toMatchObject({
      type: 'slice-refused',
      epoch: 1,
      error: { code: 'engine_self_test_failed' },
    })
    expect(typesOf(tab)).not.toContain('slice-ready')
  })

  it('is heard however long its engine’s words are', async () => {
    const pool = openPeerPool()
    const words = 'x'.repeat(10_000)
    const tab = pool.open({
      openEngine: async () => {
        throw new ComputePoolError('engine_failed', words, { remedy: words, context: { device: words } })
      },
    })
    await joined(pool, tab)
    pool.assign([tab], 1)
    await pool.untilStatus(tab, 'failed')
    expect(tab.heard.at(-1)).toMatchObject({ type: 'slice-refused', error: { code: 'engine_failed' } })
  })

  it('refuses its slice where a part is not what the manifest promised', async () => {
    const pool = openPeerPool(path => (path.endsWith('.bin') ? { body: new Uint8Array(40_000) } : {}))
    const tab = pool.open()
    await joined(pool, tab)
    pool.assign([tab], 1)
    await pool.untilStatus(tab, 'failed')
    expect(tab.heard.at(-1)).toMatchObject({ type: 'slice-refused', error: { code: 'artifact_digest_mismatch' } })
  })

  it('measures nothing for a manifest of another digest', async () => {
    const pool = openPeerPool(path => (path.endsWith('manifest.json') ? { body: new TextEncoder().encode('{}') } : {}))
    const tab = pool.open()
    await pool.until('peer-joined', () => typesOf(tab).includes('peer-joined'))
    pool.offer(tab)
    await pool.untilStatus(tab, 'failed')
    expect(tab.snapshot().error).toMatchObject({ code: 'artifact_digest_mismatch' })
    expect(typesOf(tab)).not.toContain('capability-reported')
  })

  it('pauses its download and resumes it', async () => {
    const pool = openPeerPool((path, earlier) =>
      path.endsWith('embedding.bin') && earlier === 0 ? { stallAfter: 2000 } : {},
    )
    const tab = pool.open()
    await joined(pool, tab)
    pool.assign([tab], 1)
    await pool.until('bytes', () => (tab.snapshot().parts[0]?.doneBytes ?? 0) > 0)
    tab.running.pauseDownload()
    await pool.untilStatus(tab, 'paused')
    await pool.clock.advance(60_000)
    expect(tab.snapshot().status).toBe('paused')
    tab.running.resumeDownload()
    await pool.untilStatus(tab, 'serving')
  })

  it('comes back after its connection broke, and does not load again what it holds', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await serving(pool, [tab])
    tab.breakSocket()
    await pool.until('gone', () => pool.gone.length === 1)
    await pool.until('back', () => tab.heard.filter(message => message.type === 'peer-joined').length === 2)
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
    pool.assign([tab], 2)
    await pool.untilStatus(tab, 'serving')
    expect(tab.engines).toHaveLength(1)
  })

  it('keeps no links once it is released', async () => {
    const pool = openPeerPool()
    const [gone, stays] = [pool.open(), pool.open()]
    await serving(pool, [gone, stays], 4)
    const isLinked = (): boolean[] => stays.snapshot().links.map(link => link.isOpen)
    await pool.until('linked', () => isLinked()[0] === true)
    pool.command(gone, { type: 'release-slice', epoch: 4 })
    await pool.until('the link’s end', () => isLinked()[0] === false)
    // The next assignment links it again.
    pool.assign([gone, stays], 5)
    await pool.until('linked again', () => isLinked()[0] === true)
  })

  it('ends its links when it was without a connection for a minute', async () => {
    const pool = openPeerPool()
    const [gone, stays] = [pool.open(), pool.open()]
    await serving(pool, [gone, stays], 4)
    const isLinked = (): boolean[] => stays.snapshot().links.map(link => link.isOpen)
    gone.loseNetwork()
    await pool.clock.advance(50_000)
    expect(isLinked()).toEqual([true])
    await pool.clock.advance(15_000)
    expect(isLinked()).toEqual([false])
  })

  it('stays connected while it is idle: it pings', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await joined(pool, tab)
    await pool.clock.advance(300_000)
    expect(pool.gone).toEqual([])
    expect(pool.hub.peers()).toEqual([tab.peer()])
  })

  it('tells the desk that it leaves, and closes everything', async () => {
    const pool = openPeerPool()
    const tabs = [pool.open(), pool.open()]
    await serving(pool, tabs)
    pool.command(tabs[0]!, { type: 'run-request', epoch: 1, job: { ...job, maxTokens: 100 } })
    await pool.until('tokens', () => tokensOf(tabs[0]!, 'r').length > 2)
    const peer = tabs[1]!.peer()
    const left = tabs[1]!.running.leave()
    await pool.until('gone', () => pool.gone.some(entry => entry.peer === peer))
    await left
    expect(tabs[1]!.snapshot().status).toBe('idle')
    await pool.until('failed', () => typesOf(tabs[0]!).includes('request-failed'))
    expect(tabs[0]!.engines[0]!.memory().kvBytes).toBe(0)
  })

  it('says which assignment a late request belongs to', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await serving(pool, [tab], 3)
    pool.command(tab, { type: 'run-request', epoch: 2, job })
    await pool.until('failed', () => typesOf(tab).includes('request-failed'))
    expect(tab.heard.at(-1)).toMatchObject({ type: 'request-failed', error: { code: 'swarm_coalition_lost' } })
  })

  it('tells the page and the desk where its device is lost', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await serving(pool, [tab, pool.open()])
    pool.command(tab, { type: 'run-request', epoch: 1, job: { ...job, maxTokens: 100 } })
    await pool.until('tokens', () => tokensOf(tab, 'r').length > 2)
    tab.engines[0]!.loseDevice()
    await pool.until('lost', () => tab.lostEngines.length > 0)
    expect(tab.lostEngines).toEqual(['engine_device_lost'])
    await pool.until('failed', () => typesOf(tab).includes('request-failed'))
    expect(tab.heard.find(message => message.type === 'request-failed')).toMatchObject({
      error: { code: 'engine_device_lost' },
    })
    // Nobody is to wait for it to come back.
    expect(tab.heard.at(-1)).toEqual({ type: 'peer-leaving' })
  })

  it('hears a cancellation although its engine never waits', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await serving(pool, [tab])
    pool.command(tab, { type: 'run-request', epoch: 1, job: { ...job, maxTokens: 100 } })
    await pool.clock.settle()
    pool.command(tab, { type: 'cancel-request', requestId: 'r' })
    await pool.until('the end', () => typesOf(tab).includes('request-finished'))
    expect(tab.heard.find(message => message.type === 'request-finished')).toMatchObject({ reason: 'cancelled' })
    expect(tokensOf(tab, 'r').length).toBeLessThan(5)
  })

  it('shows its stake and its standing as the desk told them last', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await pool.until('peer-joined', () => typesOf(tab).includes('peer-joined'))
    expect(tab.snapshot()).toMatchObject({ stake: null, standing: null })
    const stake = { coalition: '7', amountAtomic: '5000000', words: 'Your stake unbonds.' }
    const standing = {
      weight: 0.1,
      trust: 0,
      checkRate: 1,
      served: 0,
      checked: 0,
      failed: 0,
      leftEarly: 0,
      changes: [],
    }
    pool.command(tab, { type: 'stake-told', state: 'staked', ...stake })
    pool.command(tab, { type: 'stake-told', state: 'unbonding', ...stake, untilMs: 1_700_000_000_000 })
    pool.command(tab, { type: 'standing-told', ...standing })
    await pool.clock.advance(200)
    expect(tab.snapshot()).toMatchObject({
      stake: { state: 'unbonding', ...stake, untilMs: 1_700_000_000_000 },
      standing,
    })
  })

  it('signs no stake above what whoever joined with it allowed', async () => {
    const pool = openPeerPool()
    const tabs = [pool.open({ mostStakeAtomic: 4_999_999n }), pool.open({ mostStakeAtomic: 5_000_000n })]
    await serving(pool, tabs)
    const operators = tabs.map(tab => tab.snapshot().peer!.slice(0, 42))
    const validBefore = String(Math.floor(pool.clock.wallMs() / 1000) + 600)
    const terms = {
      modelDigest: `0x${pool.manifestSha256}`,
      ...{ layers: 6, pool: `0x${'b0'.repeat(20)}`, vault: `0x${'5a'.repeat(20)}`, pricePerSecondAtomic: '500' },
      ...{ stakeAtomic: '5000000', proposalEndsAt: validBefore, endsAt: String(Number(validBefore) + 86_400) },
      ...{ version: 0, id: '0', salt: `0x${'7'.repeat(64)}` },
      parties: operators.map((operator, seat) => ({
        operator,
        firstLayer: 3 * seat,
        endLayer: 3 * seat + 3,
        units: 1,
      })),
    }
    const place = {
      ...{ chainId: 31_337, coalition: `0x${'c0'.repeat(20)}`, usdc: `0x${'0d'.repeat(20)}` },
      ...{ usdcName: 'USD Coin', usdcVersion: '2' },
    }
    const answers = () =>
      tabs.map(tab => tab.heard.find(({ type }) => type === 'terms-signed' || type === 'terms-refused'))
    for (const tab of tabs) pool.command(tab, { type: 'terms-offered', terms, place, needsStake: true, validBefore })
    await pool.until('answers', () => answers().every(answer => answer !== undefined))
    expect(answers()).toMatchObject([
      { type: 'terms-refused', words: 'The stake is 5000000 atomic; at most 4999999 are given.' },
      { type: 'terms-signed' },
    ])
  })

  it('is refused by name, and shows it', async () => {
    const pool = openPeerPool()
    const tab = pool.open()
    await pool.until('peer-joined', () => typesOf(tab).includes('peer-joined'))
    pool.command(tab, {
      type: 'peer-refused',
      error: { code: 'peer_version_refused', message: 'Version 0.', remedy: 'Reload the page.', context: {} },
    })
    await pool.untilStatus(tab, 'failed')
    expect(tab.snapshot().error).toMatchObject({ code: 'peer_version_refused', remedy: 'Reload the page.' })
  })
})
