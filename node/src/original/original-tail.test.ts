import { hostClock } from '@computepool/peer/host.ts'
import { proveSlice } from '@computepool/peer/runtime/prove-slice.ts'
import { activationFromValues } from '@computepool/shared/engine'
import type { LayerRange, Manifest } from '@computepool/shared/model'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { randomPack } from '@computepool/shared/testing'
import { decodeOriginalFrame, encodeOriginalToken } from '@computepool/shared/wire'
import { beforeAll, expect, test } from 'vitest'
import type { AxlMessage } from '../axl/axl-client.ts'
import { computeGoldens } from '../engine/compute-goldens.ts'
import { openNativeEngine } from '../engine/open-native-engine.ts'
import { readNodeArguments } from '../operator/node-arguments.ts'
import type { OriginalMail } from './original-mail.ts'
import { parseOriginalTail, withOriginalTail } from './original-tail.ts'

const pack = randomPack({ architecture: 'llama', quantisation: 'f32' })
const { layers } = pack.manifest.dimensions
const key = 'ab'.repeat(32)
const tail = { key, layers: { start: 2, end: layers } }
let manifest: Manifest
let boundaries: readonly Uint8Array[]

beforeAll(async () => {
  const goldens = await computeGoldens(pack)
  const files = goldens.boundaries.map((_, i) => ({ path: `${i}.bin`, sizeBytes: 1, sha256: '0'.repeat(64) }))
  boundaries = goldens.boundaries.map(
    values => activationFromValues(values, pack.manifest.dimensions.hidden, 'f32').data,
  )
  const { tokens, argmax, source } = goldens
  manifest = {
    ...pack.manifest,
    selfTest: { tokens: [...tokens], dtype: 'f32', boundaries: files, argmax: [...argmax], source },
  }
})

const sliceOf = (range: LayerRange): SliceRequest => ({
  manifest,
  parts: pack.parts,
  layers: range,
  kvBudgetBytes: 2 ** 26,
  maxContext: 128,
})
const openEngine = (slice: SliceRequest): Promise<Engine> => openNativeEngine(slice, { threads: 1 })

/** An original peer without AXL between: its engine is asked directly. */
async function peerOver(
  range: LayerRange,
): Promise<OriginalMail & { asked: () => number; closeEngine(): Promise<void> }> {
  const engine = await openEngine(sliceOf(range))
  const lengths = new Map<string, number>()
  const handlers = new Set<(message: AxlMessage) => void>()
  let asked = 0
  return {
    asked: () => asked,
    async send(_, body) {
      const frame = decodeOriginalFrame(body)
      if (frame.kind === 'end') return engine.forget(frame.requestId)
      if (frame.kind !== 'hidden') throw new Error('an exit gets no tokens')
      const { requestId, seq, activation } = frame
      asked += 1
      const position = lengths.get(requestId) ?? 0
      lengths.set(requestId, position + activation.tokens)
      const sample = { params: greedy, generated: [], prompt: [] }
      const [output] = await engine.run([{ requestId, position, input: { activation }, sample }])
      if (output?.kind !== 'token') throw new Error('no token')
      const answer = encodeOriginalToken(requestId, seq ?? 0, output.sampled.token)
      for (const handler of handlers) handler({ body: answer, senderHint: key })
    },
    onMessage(handler) {
      handlers.add(handler)
      return () => void handlers.delete(handler)
    },
    setBusy: () => undefined,
    close: () => undefined,
    closeEngine: () => engine.close(),
  }
}

async function prove(mail: OriginalMail, range: LayerRange, notices: string[] = []): Promise<string> {
  const powers = withOriginalTail({
    tail,
    openMail: () => mail,
    clock: hostClock,
    powers: { openEngine: (_, slice) => openEngine(slice), selfTest: proveSlice },
    onNotice: text => notices.push(text),
  })
  const engine = await powers.openEngine('native', sliceOf(range))
  expect(engine.layers).toEqual(range)
  const readFile = async ({ path }: { path: string }) => boundaries[Number.parseInt(path, 10)]!
  const outcome = await powers.selfTest({ engine, manifest, layers: range, readFile }).then(
    () => 'passed',
    error => error.code,
  )
  await engine.close()
  return outcome
}

test.each([
  { start: 0, end: layers },
  { start: 1, end: layers },
])('a slice from $start to the end is shared with the original peer, and both parts are proved', async range => {
  const peer = await peerOver(tail.layers)
  expect(await prove(peer, range)).toBe('passed')
  expect(peer.asked()).toBeGreaterThan(0)
  await peer.closeEngine()
})

test('an original peer that holds other layers does not pass', async () => {
  const peer = await peerOver({ start: 3, end: layers })
  expect(await prove(peer, { start: 0, end: layers })).toBe('engine_self_test_failed')
  await peer.closeEngine()
})

test.each([
  { start: 0, end: 3 },
  { start: 2, end: layers },
])('a slice $start to $end is computed here alone, and the operator is told', async range => {
  const peer = await peerOver(tail.layers)
  const notices: string[] = []
  expect(await prove(peer, range, notices)).toBe('passed')
  expect(peer.asked()).toBe(0)
  expect(notices).toEqual([
    expect.stringMatching(/receipts count as missing\. They are not paid/),
    expect.stringMatching(/no part in them/),
  ])
  await peer.closeEngine()
})

test('an original peer whose layers end elsewhere is refused before anything is loaded', async () => {
  const powers = withOriginalTail({
    tail: { key, layers: { start: 2, end: layers + 1 } },
    openMail: () => {
      throw new Error('not needed')
    },
    clock: hostClock,
    powers: { openEngine: (_, slice) => openEngine(slice), selfTest: proveSlice },
  })
  await expect(powers.openEngine('native', sliceOf({ start: 0, end: layers }))).rejects.toMatchObject({
    code: 'input_invalid',
  })
})

test('KEY@12-24 is read, and what is not is refused with what to write', () => {
  expect(parseOriginalTail(`${key.toUpperCase()}@12-24`)).toEqual({ key, layers: { start: 12, end: 24 } })
  for (const text of [key, `${key}@0-24`, `${key}@24-12`, `${key.slice(1)}@12-24`, `${key}@12-24x`, ''])
    expect(() => parseOriginalTail(text)).toThrow(expect.objectContaining({ code: 'input_invalid' }))
})

test('the command takes it beside --axl only', () => {
  const axl = ['--axl', 'http://127.0.0.1:9002']
  const read = (...args: string[]) => readNodeArguments(['http://localhost:8080', ...args], {}).settings.originalTail
  expect(read(...axl)).toBeNull()
  expect(read(...axl, '--original-tail', `${key}@2-4`)).toEqual({ key, layers: { start: 2, end: 4 } })
  expect(() => read('--original-tail', `${key}@2-4`)).toThrow('--axl')
})
