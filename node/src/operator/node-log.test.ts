import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import { describe, expect, it } from 'vitest'
import { createNodeLog } from './node-log.ts'
import { statusLine } from './node-words.ts'

const serving: PeerSnapshot = {
  ...idleSnapshot,
  status: 'serving',
  layers: { start: 0, end: 12 },
  modelLayers: 24,
  requests: 1,
  tokensServed: 1204,
  tokensPerSecond: 12.34,
  computeMs: 4.06,
  links: [
    { peer: '0xa', kind: 'webrtc', isOpen: true, rttMs: 1.23, bytesPerSecond: null },
    { peer: '0xb', kind: 'axl', isOpen: false, rttMs: null, bytesPerSecond: null },
  ],
}
const downloading: PeerSnapshot = {
  ...idleSnapshot,
  status: 'downloading',
  layers: { start: 3, end: 4 },
  modelLayers: 24,
  parts: [{ name: 'layer-3', doneBytes: 120e6, totalBytes: 480e6, status: 'downloading', isCached: false }],
  downloadBytesPerSecond: 40e6,
}

describe('a line of a node', () => {
  it('says what is served, how fast, and over what', () => {
    expect(statusLine(serving)).toBe(
      'serving layers 0-11 of 24 | 1204 tokens, 12.3 tokens/s | 1 request | 4.1 ms a step | links: webrtc 1.2 ms, axl opening',
    )
    expect(statusLine({ ...serving, isDraining: true })).toMatch(/^draining: layers 0-11 of 24 \| 1204/)
    expect(statusLine(downloading)).toBe(
      '[######..................]  25%  layer 3 of 24  120 MB of 480 MB  40.0 MB/s  9 s left',
    )
    expect(statusLine({ ...idleSnapshot, status: 'waiting-for-slice' })).toBe('waiting for layers')
  })
})

function openLog(json: boolean, isTerminal: boolean) {
  const written: string[] = []
  let nowMs = 0
  const log = createNodeLog({
    json,
    isTerminal,
    columns: 80,
    write: text => void written.push(text),
    nowMs: () => nowMs,
  })
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { log, text: () => written.join(''), pass }
}

describe('the log', () => {
  it('redraws one line on a terminal, no wider than it', () => {
    const { log, text, pass } = openLog(false, true)
    log.show(downloading)
    log.show({ ...downloading, downloadBytesPerSecond: 50e6 })
    pass(1000)
    log.show(serving)
    log.end()
    const drawn = text().split('\r\x1b[2K').slice(1)
    expect(drawn).toHaveLength(2)
    expect(drawn.every(line => line.length <= 80)).toBe(true)
    expect(text().endsWith('\n')).toBe(true)
  })

  it('gives programs one object a line, figures at most once a second', () => {
    const { log, text, pass } = openLog(true, true)
    log.show(downloading)
    pass(2000)
    for (let step = 0; step < 10; step += 1) {
      pass(200)
      log.show({ ...serving, tokensServed: step })
    }
    log.show({ ...serving, error: { code: 'peer_unreachable', message: 'lost', remedy: '', context: {} } })
    log.note({ type: 'node-left' }, 'Left.')
    const types = text()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).type)
    expect(types.filter(type => type === 'status-changed')).toHaveLength(2)
    expect(types.filter(type => type === 'served').length).toBeLessThanOrEqual(3)
    expect(types.slice(-2)).toEqual(['problem', 'node-left'])
  })

  it('gives a journal a line for each change, and one a minute', () => {
    const { log, text, pass } = openLog(false, false)
    for (let second = 0; second < 121; second += 1) {
      log.show({ ...serving, tokensServed: second })
      pass(1000)
    }
    expect(text().trim().split('\n')).toHaveLength(3)
    expect(text()).not.toContain('\x1b')
  })
})
