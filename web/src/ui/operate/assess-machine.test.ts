import { expect, test } from 'vitest'
import { capableMachine } from '../testing/fake-services.ts'
import { assessMachine } from './assess-machine.ts'
import { summarizeDownload } from './download-progress.ts'
import { parseJoinQuery } from './join-query.ts'
import { adapterName } from './machine.ts'

const plain = (text: string) => text.replaceAll('\u202f', ' ')
const finding = (machine: typeof capableMachine, id: string) =>
  assessMachine(machine).findings.find(one => one.id === id)

test('a machine with a graphics card is told what it can offer', () => {
  const { canJoin, verdict, findings } = assessMachine(capableMachine)
  expect(canJoin).toBe(true)
  expect(plain(verdict)).toBe('WebGPU on Test Card, about 4.00 GB to offer.')
  expect(findings.every(one => one.level === 'good')).toBe(true)
})

test('without WebGPU the way to get it is named, and WASM serves', () => {
  const machine = { ...capableMachine, webgpu: { status: 'absent' as const } }
  expect(assessMachine(machine).canJoin).toBe(true)
  expect(assessMachine(machine).verdict).toContain('no WebGPU')
  expect(finding(machine, 'webgpu')).toMatchObject({ level: 'slow' })
  expect(finding(machine, 'webgpu')?.words).toContain('Chrome')
})

test('over plain http the address is the reason, not the browser', () => {
  const machine = { ...capableMachine, isSecure: false, webgpu: { status: 'absent' as const } }
  expect(finding(machine, 'webgpu')?.words).toContain('https://')
  expect(finding(machine, 'storage')?.level).toBe('slow')
})

test('a software adapter is not sold as a graphics card', () => {
  const webgpu = {
    status: 'present' as const,
    name: 'SwiftShader',
    isSoftware: true,
    hasF16: false,
    maxBufferBytes: 2 ** 30,
  }
  const { verdict } = assessMachine({ ...capableMachine, webgpu })
  expect(verdict).toContain('graphics only in software')
  expect(verdict).toMatch(/^WASM/)
})

test('without WebRTC, or with neither engine, nobody can join', () => {
  expect(assessMachine({ ...capableMachine, hasWebRtc: false }).canJoin).toBe(false)
  expect(assessMachine({ ...capableMachine, hasWasm: false, webgpu: { status: 'absent' } }).canJoin).toBe(false)
})

test('the offer stays within what there is, and WASM within its 32 bits', () => {
  const { memory } = assessMachine({ ...capableMachine, webgpu: { status: 'absent' }, deviceMemoryBytes: 64e9 })
  expect(memory.maxBytes).toBeLessThanOrEqual(3e9)
  const small = assessMachine({ ...capableMachine, deviceMemoryBytes: 0.25e9 }).memory
  expect(small.minBytes).toBeLessThanOrEqual(small.defaultBytes)
  expect(small.defaultBytes).toBeLessThanOrEqual(small.maxBytes)
  expect(small.maxBytes).toBeLessThan(0.25e9)
})

test('an adapter is named by whatever the browser fills in', () => {
  const blank = { vendor: '', architecture: '', description: '', device: '' }
  expect(adapterName({ ...blank, vendor: 'nvidia', architecture: 'hopper' })).toBe('nvidia hopper')
  expect(adapterName({ ...blank, vendor: 'x', description: 'A Card' })).toBe('A Card')
  expect(adapterName(blank)).toContain('does not tell')
})

test.each([
  ['?join=1&engine=wasm&memory=512MB', { joins: true, engine: 'wasm', memoryBytes: 512e6, problem: null }],
  ['?join=1', { joins: true, engine: null, memoryBytes: null, problem: null }],
  ['?engine=webgpu', { joins: false, engine: 'webgpu', memoryBytes: null, problem: null }],
  ['?join=0', { joins: false, engine: null, memoryBytes: null, problem: null }],
])('%s asks for %j', (search, query) => {
  expect(parseJoinQuery(search)).toEqual(query)
})

test('an address that cannot be read joins nothing, and says why', () => {
  const query = parseJoinQuery('?join=1&engine=native&memory=lots')
  expect(query.joins).toBe(false)
  expect(query.problem).toContain('engine=native')
  expect(query.problem).toContain('memory=lots')
})

test('a download is summed over its parts', () => {
  const part = { isCached: false, status: 'downloading' } as const
  const parts = [
    { ...part, name: 'a', doneBytes: 300, totalBytes: 300, status: 'stored', isCached: true } as const,
    { ...part, name: 'b', doneBytes: 100, totalBytes: 700 },
  ]
  expect(summarizeDownload(parts, 200)).toEqual({
    doneBytes: 400,
    totalBytes: 1000,
    share: 0.4,
    storedParts: 1,
    parts: 2,
    cachedBytes: 300,
    leftMs: 3000,
  })
  expect(summarizeDownload(parts, 0).leftMs).toBeNull()
  expect(summarizeDownload([], null).share).toBe(1)
})
