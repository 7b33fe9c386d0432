import { describe, expect, it } from 'vitest'
import { createSwarmShell as createShell, shellPeer } from '../../testing/swarm-shell.ts'

const [a, b, c] = [shellPeer('a'), shellPeer('b'), shellPeer('c')]

describe('a swarm', () => {
  it('offers the model, forms at the fewest seats, and tells each tab its slice', () => {
    const shell = createShell()
    shell.join(a)
    expect(shell.status()).toBe('waiting')
    shell.join(b)
    expect(shell.acts.map(act => act.type)).toEqual(['offer-model', 'offer-model', 'form-coalition'])
    expect(shell.acts.at(-1)).toMatchObject({ epoch: 7, kvBudgetBytes: [120, 120], maxContext: 64 })
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
    expect(shell.status()).toBe('forming')
  })

  it('is ready only when every slice is loaded and every link is open at both ends', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    const statuses = [
      () => shell.sliceReady(a),
      () => shell.links(a),
      () => shell.sliceReady(b),
      () => shell.links(b, false),
      () => shell.links(b),
    ].map(step => {
      step()
      return shell.status()
    })
    expect(statuses).toEqual(['forming', 'forming', 'forming', 'forming', 'ready'])
    shell.links(b, false)
    expect(shell.status()).toBe('forming')
  })

  it('needs no link where one tab holds all', () => {
    const shell = createShell({ minSeats: 1 })
    shell.join(a)
    shell.sliceReady(a)
    expect(shell.status()).toBe('ready')
  })

  it('ignores what is said under an old epoch', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.gone(b)
    shell.join(c)
    expect(shell.epoch()).toBe(8)
    shell.say(a, { type: 'slice-ready', epoch: 7, kvBudgetBytes: 1, maxContext: 1 })
    expect(shell.view().seats.map(seat => seat.status)).toEqual(['assigned', 'assigned'])
  })

  it('leaves a ready coalition alone when a faster tab joins', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.serve()
    shell.join(c, 5000, 0.1)
    expect(shell.seats()).toEqual(['a:0-3', 'b:3-6'])
    expect(shell.view()).toMatchObject({ status: 'ready', waitingPeers: 1 })
  })

  it('dissolves when a tab is lost, and gives its slice to a waiting tab with the others kept in place', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.serve()
    shell.join(c, 5000, 0.1)
    shell.gone(b)
    const [dissolve, form] = shell.acts.slice(-2)
    expect(dissolve).toMatchObject({ type: 'dissolve-coalition', epoch: 7, error: { code: 'swarm_coalition_lost' } })
    expect(form).toMatchObject({ type: 'form-coalition', epoch: 8 })
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
  })

  it('releases the remaining tabs where no placement is left', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.serve()
    shell.happen({ type: 'peer-said', peer: b, request: { type: 'peer-leaving' }, atMs: 0 })
    expect(shell.acts.at(-1)).toEqual({ type: 'release-slice', peer: a, epoch: 7 })
    expect(shell.view()).toMatchObject({ status: 'waiting', explanation: '1 of 2 tabs is here; open one more.' })
  })

  it('bans a tab that refused its slice, and says why', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    const error = { code: 'engine_self_test_failed', message: 'Layer 4 is off by 0.3.', remedy: '', context: {} }
    shell.say(b, { type: 'slice-refused', epoch: 7, error })
    expect(shell.view().explanation).toBe(
      '1 of 2 tabs is here; open one more. Tab 0x0000…00000000 is left out: Layer 4 is off by 0.3.',
    )
    shell.gone(b)
    shell.join(b)
    expect(shell.status()).toBe('waiting')
    shell.join(c)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
  })

  it('refuses a tab of another protocol version', () => {
    const shell = createShell()
    shell.happen({ type: 'peer-connected', peer: a, atMs: 0 })
    shell.say(a, {
      type: 'peer-joined',
      version: 99,
      agent: 'test',
      role: 'operator',
      reach: { webrtc: true, axl: null },
    })
    expect(shell.acts).toMatchObject([{ type: 'refuse-peer', peer: a, error: { code: 'peer_version_refused' } }])
  })

  it('gives up a tab that says nothing while it loads', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.sliceReady(a)
    shell.advance(100_000)
    shell.say(b, { type: 'slice-progressed', epoch: 7, phase: 'downloading', doneBytes: 1, totalBytes: 4 })
    expect(shell.view().seats[1]).toMatchObject({ status: 'downloading', progress: 0.25 })
    shell.advance(100_000)
    expect(shell.status()).toBe('forming')
    shell.advance(30_000)
    expect(shell.view().explanation).toContain('got no further for 120 s while it was downloading')
  })

  it('gives up a tab that talks and talks, and gets no further', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.sliceReady(a)
    const progress = (phase: 'downloading' | 'loading', doneBytes: number): void =>
      shell.say(b, { type: 'slice-progressed', epoch: 7, phase, doneBytes, totalBytes: 9 })
    shell.advance(60_000)
    progress('downloading', 2)
    for (let turn = 0; turn < 11; turn++) {
      shell.advance(10_000)
      // Paused, or going to and fro.
      progress('downloading', turn % 3)
      shell.say(b, { type: 'links-reported', epoch: 7, links: [] })
    }
    progress('loading', 0)
    expect(shell.view().seats[1]).toMatchObject({ status: 'loading' })
    for (let turn = 0; turn < 12; turn++) {
      shell.advance(10_000)
      progress('downloading', turn)
      progress('loading', 0)
    }
    expect(shell.status()).toBe('forming')
    shell.advance(10_000)
    expect(shell.view().explanation).toContain('got no further for 120 s while it was loading')
  })

  it('does not put the links’ deadline off for a tab that says again that it is ready', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.sliceReady(a)
    shell.sliceReady(b)
    for (let turn = 0; turn < 5; turn++) {
      shell.advance(10_000)
      if (shell.epoch() === 7) shell.sliceReady(b)
    }
    expect(shell.epoch()).toBe(8)
  })

  it('plans again, around the pair, when a link never opens', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.join(c)
    shell.sliceReady(a)
    shell.sliceReady(b)
    shell.advance(46_000)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
  })

  it('gives the links their time from the last slice on, and from the closing of an open link', () => {
    const shell = createShell()
    shell.join(a)
    shell.join(b)
    shell.sliceReady(a)
    shell.advance(100_000)
    shell.sliceReady(b)
    shell.advance(40_000)
    expect(shell.epoch()).toBe(7)
    shell.serve()
    shell.advance(100_000)
    shell.links(b, false)
    shell.advance(2000)
    expect([shell.epoch(), shell.status()]).toEqual([7, 'forming'])
    shell.links(b)
    expect(shell.status()).toBe('ready')
    shell.links(b, false)
    shell.advance(3000)
    for (const peer of [a, b]) shell.say(peer, { type: 'links-reported', epoch: 7, links: [] })
    expect(shell.epoch()).toBe(7)
    shell.advance(1000)
    expect(shell.epoch()).toBe(8)
  })

  it('takes a report of links as whole: what it leaves out is closed', () => {
    const shell = createShell()
    for (const peer of [a, b]) shell.join(peer)
    shell.serve()
    shell.say(a, { type: 'links-reported', epoch: 7, links: [] })
    expect(shell.status()).toBe('forming')
    shell.advance(4000)
    expect(shell.epoch()).toBe(8)
  })

  it('reaches as far as the ring that serves, whatever others say, and leaves out who cannot hold one such request', () => {
    const shell = createShell()
    for (const peer of [a, b]) shell.join(peer)
    const least = { kvBudgetBytes: 30, maxContext: 64 }
    const ready = (peer: string, change: Partial<typeof least>) =>
      shell.say(peer, { type: 'slice-ready', epoch: shell.epoch(), ...least, ...change })
    ready(a, {})
    expect(Object.keys(shell.state().bans)).toEqual([])
    ready(b, { maxContext: 1 })
    expect([shell.view().context, Object.keys(shell.state().bans)]).toEqual([64, [b]])
    shell.join(c)
    ready(a, { kvBudgetBytes: 29 })
    expect(Object.keys(shell.state().bans)).toEqual([b, a])
  })

  it('says what to do at every step', () => {
    const shell = createShell()
    const words = [
      () => {},
      () => shell.happen({ type: 'peer-connected', peer: a, atMs: 0 }),
      () => shell.happen({ type: 'peer-connected', peer: b, atMs: 0 }),
      () => shell.gone(b),
      () => shell.join(a),
      () => shell.join(b),
      () => shell.sliceReady(a),
      () => shell.sliceReady(b),
      () => shell.serve(),
    ].map(step => {
      step()
      return shell.view().explanation
    })
    expect(words).toMatchInlineSnapshot(`
      [
        "No tab is here yet; 2 tabs are needed.",
        "1 tab is measuring what it can do; open one more.",
        "2 tabs are measuring what they can do.",
        "1 tab is measuring what it can do; open one more.",
        "1 of 2 tabs is here; open one more.",
        "Forming: 0 of 2 tabs have loaded their layers.",
        "Forming: 1 of 2 tabs have loaded their layers.",
        "Forming: all layers are loaded; the tabs are opening their links.",
        "Ready: 2 tabs hold the model's 6 layers.",
      ]
    `)
  })
})
