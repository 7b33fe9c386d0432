import { convertActivation } from '@computepool/shared/engine'
import type { ComputePoolError } from '@computepool/shared/errors'
import type { LayerRange } from '@computepool/shared/model'
import { greedy, type SamplingParams } from '@computepool/shared/pipeline'
import type { Activation, Engine, EngineOutput, EngineRow } from '@computepool/shared/ports'
import { createManualClock, randomPack } from '@computepool/shared/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AxlStandIn, type AxlStandInDaemon, startAxlStandIn } from '../../testing/axl-stand-in.ts'
import { type OriginalLink, openOriginalLink } from '../../testing/original-link.ts'
import { originalBytes, originalToken, startOriginalPeer, type TestOriginalPeer } from '../../testing/original-peer.ts'
import { openNativeEngine } from '../engine/open-native-engine.ts'
import type { OriginalPeer } from './original-peer.ts'
import { createOriginalTailEngine } from './original-tail-engine.ts'

const { manifest, parts } = randomPack({ architecture: 'llama', quantisation: 'f32' })
const { layers } = manifest.dimensions
const cut = 2
const maxChunk = 8
const prompt = [5, 9, 200, 31, 7, 118, 77, 41, 250, 3, 66, 12, 190, 28, 99, 134, 17, 83, 222, 60]

const open = (range: LayerRange): Promise<Engine> =>
  openNativeEngine(
    { manifest, parts, layers: range, kvBudgetBytes: 2 ** 26, maxContext: 128 },
    { threads: 1, maxChunk },
  )

let axl: AxlStandIn
let ours: AxlStandInDaemon
let theirs: AxlStandInDaemon
let exit: TestOriginalPeer
let link: OriginalLink
let peer: OriginalPeer
let engine: Engine
let closers: (() => void | Promise<void>)[]

beforeEach(async () => {
  axl = startAxlStandIn()
  ours = await axl.startDaemon()
  theirs = await axl.startDaemon()
  exit = startOriginalPeer({ url: theirs.url, replyTo: ours.key, engine: await open({ start: cut, end: layers }) })
  link = openOriginalLink({ url: ours.url, key: theirs.key })
  peer = link.peer
  engine = createOriginalTailEngine({
    local: await open({ start: 0, end: cut }),
    peer,
    dimensions: manifest.dimensions,
  })
  closers = [() => engine.close(), () => link.close(), () => exit.close(), () => axl.close()]
})
afterEach(async () => {
  for (const close of closers) await close()
})

const sampling = (params: Partial<SamplingParams> = {}) => ({
  params: { ...greedy, ...params },
  generated: [],
  prompt: [],
})
const row = (requestId: string, position: number, tokens: readonly number[], isDrawn = true): EngineRow => ({
  requestId,
  position,
  input: { tokens },
  sample: isDrawn ? sampling() : null,
})
const tokenOf = (output: EngineOutput | undefined): number => {
  if (output?.kind !== 'token') throw new Error(`expected a token, got ${output?.kind}`)
  return output.sampled.token
}
const refusalOf = (run: Promise<unknown>): Promise<ComputePoolError> =>
  run.then(
    () => Promise.reject(new Error('no refusal')),
    error => error as ComputePoolError,
  )

/** The answer to the prompt, fed in chunks as the pipeline does. */
async function generate(through: Engine, count: number, requestId = 'r'): Promise<number[]> {
  const drawn: number[] = []
  for (let at = 0; at < prompt.length; at += maxChunk) {
    const isLast = at + maxChunk >= prompt.length
    const [output] = await through.run([row(requestId, at, prompt.slice(at, at + maxChunk), isLast)])
    if (isLast) drawn.push(tokenOf(output))
    else expect(output).toEqual({ kind: 'none' })
  }
  while (drawn.length < count) {
    const position = prompt.length + drawn.length - 1
    drawn.push(tokenOf((await through.run([row(requestId, position, [drawn.at(-1)!])]))[0]))
  }
  through.forget(requestId)
  return drawn
}

/** One peer alone, whose boundary at the cut goes through `round`. */
async function alone(count: number, round: (boundary: Activation) => Activation): Promise<number[]> {
  const [head, tail] = [await open({ start: 0, end: cut }), await open({ start: cut, end: layers })]
  const drawn = await generate(
    {
      ...head,
      async run(rows) {
        const boundaries = await head.run(rows.map(one => ({ ...one, sample: null })))
        return tail.run(
          rows.map((one, i) => {
            const output = boundaries[i]!
            if (output.kind !== 'activation') throw new Error('no boundary')
            return { ...one, input: { activation: round(output.activation) } }
          }),
        )
      },
    },
    count,
  )
  await head.close()
  await tail.close()
  return drawn
}

describe('an answer whose last layers an original peer computes', () => {
  test('is that of one peer alone that rounds the same boundary to bfloat16, and here also that of one that rounds nothing', async () => {
    const drawn = await generate(engine, 24)
    expect(drawn).toEqual(await alone(24, boundary => convertActivation(boundary, 'bf16')))
    // Of this model and this prompt: bfloat16 keeps 8 bits, so that near ties may fall elsewhere.
    expect(drawn).toEqual(await alone(24, boundary => boundary))
    expect(new Set(drawn).size).toBeGreaterThan(3)
  })

  test('went over the daemon in frames counted from 0, each computed once, and its end frees the peer’s cache', async () => {
    await generate(engine, 4)
    const [wireId] = exit.computed[0]!
    expect(exit.computed).toEqual([0, 1, 2, 3, 4, 5].map(seq => [wireId, seq, [8, 8, 4, 1, 1, 1][seq]]))
    await expect.poll(() => exit.held()).toBe(0)
    expect(peer.counts).toEqual({ sent: 6, answered: 6, stale: 0, refused: 0, nearMisses: 0 })
    // Six frames and an end; the node's own carrier read the tokens from the daemon's one queue.
    expect(ours.counts.sent).toBe(7)
    expect(link.foreign()).toBe(6)
    expect(engine.memory()).toMatchObject({ requests: 0, kvBytes: 0 })
  })

  test('leaves guesses out, right or wrong, and goes on from the one token that each lap brings', async () => {
    const expected = await alone(6, boundary => convertActivation(boundary, 'bf16'))
    const drawn = await generate({ ...engine, forget: () => undefined }, 1)
    while (drawn.length < 6) {
      const draft = [drawn.length % 2 === 0 ? expected[drawn.length]! : 299, 7]
      const tokens = [drawn.at(-1)!, ...draft]
      const guessed = { ...row('r', prompt.length + drawn.length - 1, tokens), sample: { ...sampling(), draft } }
      drawn.push(tokenOf((await engine.run([guessed]))[0]))
    }
    expect(drawn).toEqual(expected)
  })

  test('is the same where the peer’s tokens carry no number', async () => {
    exit.tellSeq(false)
    expect(await generate(engine, 6)).toEqual(await alone(6, boundary => convertActivation(boundary, 'bf16')))
  })

  test('is the same after a rewind, which sends the rows before it again under another name', async () => {
    const expected = await generate(engine, 3)
    await engine.run([row('again', 0, prompt.slice(0, 8), false)])
    await engine.run([row('again', 8, [1, 2, 3, 4], true)])
    await engine.run([row('again', 8, prompt.slice(8, 16), false)])
    const [output] = await engine.run([row('again', 16, prompt.slice(16), true)])
    expect(tokenOf(output)).toBe(expected[0])
    expect(new Set(exit.computed.map(([wireId]) => wireId)).size).toBe(3)
    engine.forget('again')
    await expect.poll(() => exit.held()).toBe(0)
  })

  test('two requests in one step get what each gets alone', async () => {
    const [a, b] = await engine.run([row('a', 0, prompt.slice(0, 5)), row('b', 0, prompt.slice(5, 9))])
    const [aAlone] = await engine.run([row('c', 0, prompt.slice(0, 5))])
    const [bAlone] = await engine.run([row('d', 0, prompt.slice(5, 9))])
    expect([a, b]).toEqual([aAlone, bAlone])
  })
})

describe('what goes wrong', () => {
  test('a step that is asked again is not computed twice', async () => {
    const first = await engine.run([row('r', 0, [5, 9, 200])])
    expect(await engine.run([row('r', 0, [5, 9, 200])])).toEqual(first)
    expect(exit.computed).toHaveLength(1)
  })

  test('a lost frame fails its request and says why; the other requests go on', async () => {
    const clock = createManualClock()
    await link.close()
    const patient = openOriginalLink({ url: ours.url, key: theirs.key, clock, deadlineMs: 5000 })
    const local = await open({ start: 0, end: cut })
    const tail = createOriginalTailEngine({ local, peer: patient.peer, dimensions: manifest.dimensions })
    closers.unshift(
      () => tail.close(),
      () => patient.close(),
    )
    axl.change({ lossRate: 1 })
    const lost = refusalOf(tail.run([row('lost', 0, [5])]))
    await expect.poll(() => theirs.counts.lost).toBe(1)
    await clock.advance(5000)
    expect(await lost).toMatchObject({ code: 'peer_timed_out' })
    expect((await lost).remedy).toContain('no retransmission')
    axl.change({ lossRate: 0 })
    // Nothing more is sent of it: what the peer holds is unknown.
    expect(await refusalOf(tail.run([row('lost', 1, [5])]))).toMatchObject({ code: 'peer_timed_out' })
    expect(exit.computed).toHaveLength(0)
    expect(patient.peer.counts.sent).toBe(1)
  })

  test('a peer that AXL cannot reach is told as such', async () => {
    axl.partition(ours, theirs)
    expect(await refusalOf(engine.run([row('r', 0, [5])]))).toMatchObject({ code: 'peer_unreachable' })
  })

  test.each([
    ['a token beyond the vocabulary', (id: string) => originalToken(id, 300, 0)],
    ['a token for a frame that was never sent', (id: string) => originalToken(id, 5, 9)],
    [
      'a token of four bytes',
      (id: string) => originalBytes({ request_id: id, kind: 'token', dtype: 'int64', shape: [1] }, Buffer.alloc(4)),
    ],
    [
      'an activation',
      (id: string) =>
        originalBytes({ request_id: id, kind: 'hidden', dtype: 'bfloat16', shape: [1, 4] }, Buffer.alloc(8)),
    ],
  ])('%s in place of a token is refused, and the next request is answered', async (_, bodyOf) => {
    const local = await open({ start: 0, end: cut })
    const tail = createOriginalTailEngine({ local, peer, dimensions: manifest.dimensions, newWireId: id => `w-${id}` })
    closers.unshift(() => tail.close())
    exit.answerWith(bodyOf('w-bad'))
    expect(await refusalOf(tail.run([row('bad', 0, [5])]))).toMatchObject({ code: 'peer_frame_invalid' })
    tail.forget('bad')
    expect((await tail.run([row('good', 0, [5])]))[0]).toMatchObject({ kind: 'token' })
  })

  test('is heard through a daemon that tells 13 characters of the sender’s key, or 12', async () => {
    const whole = await generate(engine, 4)
    for (const senderCharacters of [13, 12]) {
      axl.change({ senderCharacters })
      expect(await generate(engine, 4, `r${senderCharacters}`)).toEqual(whole)
    }
    expect(peer.counts.nearMisses).toBe(0)
  })

  test('a stranger’s messages and a late token change nothing', async () => {
    const stranger = await axl.startDaemon()
    const post = (from: AxlStandInDaemon, body: Buffer) =>
      fetch(`${from.url}/send`, {
        method: 'POST',
        headers: { 'X-Destination-Peer-Id': ours.key },
        body: new Uint8Array(body),
      })
    await post(stranger, Buffer.from('noise'))
    await post(theirs, originalToken('long-gone', 1, 0))
    expect(await generate(engine, 3)).toEqual(await alone(3, boundary => convertActivation(boundary, 'bf16')))
    expect(peer.counts).toMatchObject({ stale: 1, refused: 0 })
  })

  test('a request that is forgotten while its token is under way fails at once', async () => {
    axl.change({ delayMs: 60_000 })
    const running = refusalOf(engine.run([row('r', 0, [5])]))
    await expect.poll(() => ours.counts.sent).toBe(1)
    engine.forget('r')
    expect(await running).toMatchObject({ code: 'peer_disconnected' })
  })

  test.each([
    ['top_p', { topP: 0.9 }],
    ['logit_bias', { logitBias: [[1, 2]] as [number, number][] }],
    ['repetition_penalty', { repetitionPenalty: 1.1 }],
    ['logprobs', { logprobs: 0 }],
  ])('%s is refused before anything is sent', async (param, params) => {
    const refusal = await refusalOf(engine.run([{ ...row('r', 0, [5]), sample: sampling(params) }]))
    expect(refusal).toMatchObject({ code: 'input_unsupported', context: { param } })
    expect(refusal.remedy).toContain(param)
    expect(exit.computed).toHaveLength(0)
  })
})
