import { describe, expect, it } from 'vitest'
import { createSwarmShell, type SwarmShell, shellPeer } from '../../testing/swarm-shell.ts'
import { isTimeAwaited } from './awaits-time.ts'
import { ban } from './bans.ts'

const [a, b, c] = ['a', 'b', 'c'].map(shellPeer) as [string, string, string]
const error = { code: 'engine_self_test_failed', message: 'Layer 4 is off.', remedy: '', context: {} } as const
/** The same wallet as b's, started anew. */
const again = (start: number): string => `${b.slice(0, 43)}${String(start).padStart(8, '0')}`

/** Starts, is placed or not, refuses, goes. True where it was placed. */
function failOnce(shell: SwarmShell, start: number): boolean {
  const peer = again(start)
  shell.join(peer)
  const isPlaced = shell.coalition()?.seats.some(seat => seat.peer === peer) === true
  if (isPlaced) shell.say(peer, { type: 'slice-refused', epoch: shell.epoch(), error })
  shell.gone(peer)
  return isPlaced
}

describe('a wallet whose peers fail', () => {
  it('waits, from the second failure on, longer each time', () => {
    const shell = createSwarmShell()
    shell.join(a)
    expect([failOnce(shell, 1), failOnce(shell, 2), failOnce(shell, 3)]).toEqual([true, true, false])
    const waits: number[] = []
    for (let start = 4; waits.length < 7; start++) {
      const from = shell.state().nowMs
      shell.join(again(start))
      while (shell.coalition() === null) shell.advance(1000)
      waits.push((shell.state().nowMs - from) / 1000)
      shell.say(again(start), { type: 'slice-refused', epoch: shell.epoch(), error })
      shell.gone(again(start))
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 600, 600])
  })

  it('is told so in words, and time is awaited for it', () => {
    const shell = createSwarmShell()
    shell.join(a)
    for (const start of [1, 2]) failOnce(shell, start)
    expect([shell.view().explanation, isTimeAwaited(shell.state())]).toEqual([
      '1 of 2 tabs is here; open one more.',
      false,
    ])
    shell.join(again(3))
    expect(shell.view().explanation).toBe(
      '1 of 2 tabs is here; open one more. Wallet 0x0000…000b gets no slice for 30 s: its peers failed 2 times.',
    )
    expect(isTimeAwaited(shell.state())).toBe(true)
    shell.advance(30_000)
    expect(shell.seats()).toHaveLength(2)
  })

  it('holds up nobody else', () => {
    const shell = createSwarmShell()
    shell.join(a)
    for (const start of [1, 2, 3]) failOnce(shell, start)
    shell.join(c)
    expect(shell.seats()).toEqual(['a:0-3', 'c:3-6'])
  })

  it('starts anew after an hour', () => {
    const shell = createSwarmShell()
    shell.join(a)
    for (const start of [1, 2]) failOnce(shell, start)
    shell.advance(30_000 + 3_600_001)
    expect([failOnce(shell, 3), failOnce(shell, 4), failOnce(shell, 5)]).toEqual([true, true, false])
  })

  it('is forgotten when a thousand others failed since', () => {
    let state = createSwarmShell().state()
    for (let wallet = 0; wallet < 1020; wallet++) state = ban(state, shellPeer(`${wallet}`), { ...error })
    expect([Object.keys(state.waits).length, Object.keys(state.bans).length]).toEqual([1000, 1000])
    expect(state.waits[shellPeer('1019').slice(0, 42)]).toMatchObject({ refusals: 1 })
  })
})
