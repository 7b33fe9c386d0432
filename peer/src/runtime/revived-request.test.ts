/** A neighbour that lies about what is over: an id is lived once, whoever sends more under it. */
import { greedy } from '@computepool/shared/pipeline'
import type { Transport } from '@computepool/shared/ports'
import { fakeJob, fakeManifest, fakePeer, openSwarm } from '@computepool/shared/testing'
import { decodeFrame, encodeControl, encodeFrame, type Frame } from '@computepool/shared/wire'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect, it } from 'vitest'
import { createKeptFrames } from './kept-frames.ts'

const manifest = fakeManifest({ dimensions: { vocab: 16, context: 320 } })
const { signal } = new AbortController()
/** Of which a seat remembers fewer than these. */
const madeUp = 1100

async function serveOnce() {
  const kept = createKeptFrames({ digest: sha256, breathe: async () => {} })
  let entry: Transport | null = null
  let first: Frame | null = null
  const unkept = { received() {}, computed() {}, drew() {}, over: () => true }
  const swarm = openSwarm({
    manifest,
    peers: 2,
    keeper: seat => (seat === 1 ? kept : unkept),
    transport(seat, transport) {
      if (seat !== 0) return transport
      entry = transport
      const send: Transport['send'] = (peer, bytes, abort) => {
        const frame = decodeFrame(bytes)
        if (frame.header.kind === 'hidden') first ??= frame
        return transport.send(peer, bytes, abort)
      }
      return { ...transport, send }
    },
  })
  const job = { promptTokens: [5, 9, 2, 4], maxTokens: 4, sampling: greedy, nonce: 'ab'.repeat(32), speculate: false }
  swarm.pipelines[0]!.submit(fakeJob('a', job))
  await swarm.untilEnd('a')
  await swarm.clock.advance(50)
  return { swarm, kept, entry: entry!, first: first! }
}

/** What seat 1 hands over of the request, and how often it gave a receipt for it. */
async function stateOf({ swarm, kept }: Awaited<ReturnType<typeof serveOnce>>) {
  const found = await kept.handOver({ attempts: ['a'], endPosition: 5 })
  if ('refusal' in found) throw new Error(found.refusal)
  const bytes = [...found.chunks].flatMap(({ chunk }) => [...chunk])
  return { bytes, receipts: swarm.receipts.filter(({ requestId, seat }) => requestId === 'a' && seat === 1).length }
}

it('a request that is over is not begun again by its first frame, however many others are said to be over in between', async () => {
  const served = await serveOnce()
  const before = await stateOf(served)
  expect(before.receipts).toBe(1)
  const { swarm, entry, first } = served
  for (let i = 0; i < madeUp; i++) {
    const { payload, ...described } = encodeControl({ type: 'end' })
    const header = { ...described, request_id: `made-up-${i}`, seq: 0, position: 0, epoch: first.header.epoch }
    await entry.send(fakePeer(1), encodeFrame({ header, payload }), signal)
    if (i % 4 === 3) await swarm.clock.advance(5)
  }
  await swarm.clock.advance(50)
  await entry.send(fakePeer(1), encodeFrame(first), signal)
  await swarm.clock.advance(50)
  expect(swarm.pipelines[1]!.stats().requests).toBe(0)
  swarm.pipelines[1]!.cancel('a')
  await swarm.clock.advance(100)
  expect(await stateOf(served)).toEqual(before)
})

it('nor do as many requests that are truly begun and ended change what its receipt says', async () => {
  const served = await serveOnce()
  const before = await stateOf(served)
  const { swarm, entry, first } = served
  const send = (frame: Frame) => entry.send(fakePeer(1), encodeFrame(frame), signal)
  for (let i = 0; i < madeUp; i++) {
    const { payload, ...described } = encodeControl({ type: 'end' })
    const request_id = `begun-${i}`
    await send({ ...first, header: { ...first.header, request_id } })
    await send({ header: { ...described, request_id, seq: 1, position: 0, epoch: first.header.epoch }, payload })
    await swarm.clock.advance(5)
  }
  // Its id is forgotten among so many: it is begun once more, and is over once more.
  await send(first)
  await swarm.clock.advance(50)
  expect(swarm.pipelines[1]!.stats().requests).toBe(1)
  swarm.pipelines[1]!.cancel('a')
  await swarm.clock.advance(100)
  expect(await stateOf(served)).toEqual(before)
})
