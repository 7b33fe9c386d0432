import { ComputePoolError } from '@computepool/shared/errors'
import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import type { Transport } from '@computepool/shared/ports'
import {
  createReceiptSigner,
  type Receipt,
  type ReceiptBody,
  type ReceiptedAttempt,
  verifyReceipts,
} from '@computepool/shared/receipts'
import { decodeFrame, encodeFrame, type Frame } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { circling } from './circling.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { fakeJob, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'

const vocab = 16
const manifest = fakeManifest({ dimensions: { vocab, context: 320 } })

function someJob(seed: number, requestId: string): RequestJob {
  const random = createSeededRandom(seed * 13 + requestId.length)
  const penalty = random.int(2)
  return fakeJob(requestId, {
    promptTokens: Array.from({ length: 1 + random.int(90) }, () => random.int(vocab)),
    ...(random.int(3) === 0 ? { generatedTokens: [3, 1, 4] } : {}),
    maxTokens: 1 + random.int(60),
    stopTokens: random.int(2) === 0 ? [15] : [],
    sampling: { ...greedy, temperature: random.int(2), seed: random.int(1e6), presencePenalty: penalty },
    speculate: random.int(4) > 0,
  })
}

describe('receipts of seats that are honest', () => {
  it.each(['cancel', 'engine', 'seat', 'peer', 'link'] as const)(
    'meet wherever requests are cut short by the end of a %s',
    async kind => {
      let answered = 0
      let cutShort = 0
      for (let seed = 1; seed <= 14; seed += 1) {
        const random = createSeededRandom(seed)
        const peers = 2 + random.int(4)
        const at = random.int(peers)
        let isBroken = false
        const swarm = openSwarm({
          manifest,
          peers,
          link: { seed, delayMs: random.int(60), jitterMs: random.int(60), lossRate: random.int(2) * 0.05 },
          engine: seat => ({
            script: circling(seed),
            maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]!,
            beforeStep: () => {
              if (isBroken && seat === at) throw new ComputePoolError('engine_failed', 'The kernel said no.')
            },
          }),
        })
        const ids = ['a', 'bb', 'ccc']
        for (const id of ids) swarm.pipelines[0]!.submit(someJob(seed, id))
        await swarm.clock.advance(random.int(1500))
        if (kind === 'cancel') for (const id of ids) swarm.pipelines[0]!.cancel(id)
        if (kind === 'engine') isBroken = true
        if (kind === 'seat') void swarm.pipelines[at]!.close()
        if (kind === 'peer') swarm.network.remove(swarm.peers[at]!)
        if (kind === 'link') swarm.network.cut(swarm.peers[at]!, swarm.peers[(at + 1) % peers]!)
        await swarm.clock.advance(3000)
        for (const id of ids) {
          const { verdict, faults } = swarm.verdictOf(id)
          expect(verdict, `seed ${seed}: ${JSON.stringify(faults)}`).toBe('whole')
          const receipts = swarm.receipts.filter(({ requestId }) => requestId === id)
          const bySeat = new Map(receipts.map(receipt => [receipt.seat, receipt]))
          expect(bySeat.size, `seed ${seed}: one of each seat`).toBe(receipts.length)
          if (bySeat.size === peers) answered += 1
          for (const { seat, outSteps } of receipts) {
            const next = bySeat.get(seat + 1)
            if (next !== undefined && next.inSteps < outSteps) cutShort += 1
          }
        }
      }
      // Not for want of cases: frames were under way at the end, and most requests had gone around.
      expect(cutShort).toBeGreaterThan(0)
      expect(answered).toBeGreaterThan(20)
    },
  )

  it('are made once by each seat, small, with a sketch that the nonce alone changes', async () => {
    const told = async (nonce: string): Promise<readonly ReceiptBody[]> => {
      const swarm = openSwarm({ manifest, peers: 3, engine: () => ({ maxChunk: 8 }) })
      swarm.pipelines[0]!.submit(fakeJob('r', { promptTokens: new Array(60).fill(3), sampling: greedy, nonce }))
      await swarm.untilEnd('r')
      expect(JSON.stringify(swarm.receipts[1]).length).toBeLessThan(700)
      return swarm.receipts
    }
    const [one, other] = [await told('00'.repeat(32)), await told('01'.repeat(32))]
    expect(one.map(({ seat }) => seat)).toEqual([0, 1, 2])
    expect(one.map(({ sketch }) => sketch.length)).toEqual([64, 64, 64])
    expect(other.map(({ sketch }, seat) => sketch === one[seat]!.sketch)).toEqual([false, false, false])
  })
})

it('lack something of an exit that hides the rows from which it drew, and of nobody else', async () => {
  const hide = (receipt: ReceiptBody, seat: number): ReceiptBody =>
    seat === 2 ? { ...receipt, rowSteps: 0, rowHead: '', sketch: '' } : receipt
  const swarm = await cheated({ receipt: (seat, receipt) => hide(receipt, seat) })
  expect(swarm.endOf('r')).toMatchObject({ reason: 'length' })
  expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'missing', faults: [{ seats: [2] }], whole: [0, 1] })
})

describe('receipts over links that err', () => {
  const through = (change: (transport: Transport) => Transport) =>
    cheated({ link: { delayMs: 5, jitterMs: 40 }, transport: (_, transport) => change(transport) })

  it('meet where every frame comes twice', async () => {
    const swarm = await through(transport => ({
      ...transport,
      async send(peer, bytes, signal) {
        await transport.send(peer, bytes, signal)
        await transport.send(peer, bytes, signal)
      },
    }))
    expect(swarm.endOf('r')).toMatchObject({ reason: 'length' })
    expect(swarm.verdictOf('r')).toEqual({ verdict: 'whole', faults: [], whole: [0, 1, 2] })
  })

  it('blame nobody where a frame is lost, and the request with it', async () => {
    let sent = 0
    const swarm = await through(transport => ({
      ...transport,
      async send(peer, bytes, signal) {
        const isActivation = decodeFrame(bytes).header.kind === 'hidden'
        if (isActivation) sent += 1
        if (!isActivation || sent !== 25) await transport.send(peer, bytes, signal)
      },
    }))
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'peer_timed_out' } })
    expect(swarm.tokensOf('r').length).toBeGreaterThan(0)
    expect(swarm.verdictOf('r').faults).toEqual([])
  })
})

/** Three seats, one of which does something to what it sends, or says. */
async function cheated(change: Partial<SwarmOptions>, job: Partial<RequestJob> = {}): Promise<Swarm> {
  const swarm = openSwarm({ manifest, peers: 3, engine: () => ({ maxChunk: 8 }), ...change })
  const promptTokens = Array.from({ length: 40 }, (_, i) => i % vocab)
  swarm.pipelines[0]!.submit(fakeJob('r', { promptTokens, maxTokens: 12, sampling: greedy, ...job }))
  await swarm.untilEnd('r')
  return swarm
}

/** A transport that sends what `alter` makes of each frame of activations of seat 1; null sends nothing. */
const altering = (alter: (frame: Frame) => Frame | null) => ({
  transport: (seat: number, transport: Transport): Transport => ({
    ...transport,
    async send(peer, bytes, signal) {
      const frame = decodeFrame(bytes)
      const altered = seat === 1 && frame.header.kind === 'hidden' ? alter(frame) : frame
      if (altered !== null) await transport.send(peer, encodeFrame(altered), signal)
    },
  }),
})

describe('receipts of a ring with a cheat in it', () => {
  it('name the two ends of the boundary at which one byte was altered', async () => {
    const swarm = await cheated(
      altering(({ header, payload }) => {
        const altered = payload.slice()
        if (header.seq === 9) altered[5]! ^= 1
        return { header, payload: altered }
      }),
    )
    expect(swarm.endOf('r')).toMatchObject({ reason: 'length' })
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'broken', faults: [{ seats: [1, 2] }], whole: [0] })
  })

  it('name them where the words beside an activation were altered', async () => {
    const swarm = await cheated(
      altering(({ header, payload }) => {
        const { sampling } = header
        return { payload, header: { ...header, ...(sampling ? { sampling: { ...sampling, temperature: 1.5 } } : {}) } }
      }),
    )
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'broken', faults: [{ seats: [1, 2] }], whole: [0] })
  })

  it('name them where a frame was dropped, and those behind it moved up', async () => {
    const swarm = await cheated(
      altering(({ header, payload }) => {
        if (header.seq === 2) return null
        const isBehind = header.seq > 2
        const { seq, position } = header
        return { payload, header: isBehind ? { ...header, seq: seq - 1, position: position - 8 } : header }
      }),
      { maxTokens: 1 },
    )
    // The exit's answer is for a position that was not asked: it is not heard, and the request fails for its silence.
    expect(swarm.verdictOf('r').faults).toMatchObject([{ fault: 'broken', seats: [1, 2] }])
  })

  it('name a seat that changed the nonce on its way, with the next', async () => {
    const swarm = await cheated(
      altering(({ header, payload }) => ({
        payload,
        header: header.seq === 0 ? { ...header, nonce: '00'.repeat(32) } : header,
      })),
    )
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'broken', faults: [{ seats: [1, 2] }], whole: [0] })
  })

  it.each([0, 1, 2])('name seat %i, which lies about what it received, with whoever sent it', async liar => {
    const swarm = await cheated({
      receipt: (seat, receipt) =>
        seat === liar
          ? { ...receipt, inHead: receipt.inHead.replace(/^./, digit => (digit === '0' ? '1' : '0')) }
          : receipt,
    })
    const seats = liar === 0 ? [0] : [liar - 1, liar]
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'broken', faults: [{ fault: 'broken', seats }] })
  })

  it.each([
    [0, [0, 1]],
    // What came in and what went out do not pair: nobody else is needed to see it.
    [1, [1]],
    [2, [0, 2]],
  ])('name seat %i, which lies about how much it sent', async (liar, seats) => {
    const swarm = await cheated({
      receipt: (seat, receipt) => (seat === liar ? { ...receipt, outSteps: receipt.outSteps - 1 } : receipt),
    })
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'broken', faults: [{ fault: 'broken', seats }] })
  })

  it('name a seat that gives none, and no other', async () => {
    const swarm = await cheated({ receipt: (seat, receipt) => (seat === 1 ? null : receipt) })
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'missing', faults: [{ seats: [1] }], whole: [0, 2] })
  })

  it('are given by a seat that its neighbour never told of the end, when the desk asks', async () => {
    const swarm = await cheated({
      transport: (seat, transport) => ({
        ...transport,
        async send(peer, bytes, signal) {
          const isEnd = decodeFrame(bytes).header.kind === 'control'
          if (seat !== 1 || !isEnd) await transport.send(peer, bytes, signal)
        },
      }),
    })
    expect(swarm.verdictOf('r')).toMatchObject({ verdict: 'missing', faults: [{ seats: [2] }], whole: [0, 1] })
    for (const pipeline of swarm.pipelines) pipeline.cancel('r')
    expect(swarm.verdictOf('r')).toEqual({ verdict: 'whole', faults: [], whole: [0, 1, 2] })
    expect(swarm.engines[2]!.memory().kvBytes).toBe(0)
  })

  it('name the entry that tells other tokens than the exit drew, with the exit', async () => {
    const swarm = await cheated({})
    const attempt = swarm.attemptOf('r')
    const heardTokens = attempt.heardTokens.map((token, i) => (i === 4 ? (token + 1) % vocab : token))
    const { faults } = verifyReceipts({ ...attempt, heardTokens }, () => true)
    expect(faults.map(({ fault, seats }) => [fault, seats])).toEqual([
      ['broken', [0]],
      ['broken', [0, 2]],
    ])
  })
})

describe('a receipt that is not its seat’s', () => {
  const signers = [1, 2, 3].map(digit => createReceiptSigner(new Uint8Array(32).fill(digit)))

  /** As its seats signed it. */
  async function signed(requestId = 'r', epoch = 1): Promise<ReceiptedAttempt> {
    const swarm = openSwarm({ manifest, peers: 3, seat: { epoch } })
    swarm.pipelines[0]!.submit(fakeJob(requestId, { sampling: greedy }))
    await swarm.untilEnd(requestId)
    const attempt = swarm.attemptOf(requestId)
    return {
      ...attempt,
      seats: attempt.seats.map((seat, index) => ({ ...seat, key: signers[index]!.key })),
      receipts: swarm.receipts.map(receipt => signers[receipt.seat]!.sign(receipt)),
    }
  }
  const withOne = (attempt: ReceiptedAttempt, change: (receipt: Receipt) => Receipt): ReceiptedAttempt => ({
    ...attempt,
    receipts: attempt.receipts.map(receipt => (receipt.seat === 1 ? change(receipt) : receipt)),
  })
  const forgedByOne = { verdict: 'forged', faults: [{ fault: 'forged', seats: [1] }], whole: [0, 2] }

  it('but signed as it should be is whole', async () => {
    expect(verifyReceipts(await signed())).toEqual({ verdict: 'whole', faults: [], whole: [0, 1, 2] })
  })

  it('is named: signed with another key', async () => {
    const attempt = await signed()
    expect(verifyReceipts(withOne(attempt, receipt => signers[2]!.sign(receipt)))).toMatchObject(forgedByOne)
  })

  it('is named: of a peer that told no key', async () => {
    const attempt = await signed()
    const seats = attempt.seats.map(seat => (seat.seat === 1 ? { ...seat, key: null } : seat))
    expect(verifyReceipts({ ...attempt, seats })).toMatchObject(forgedByOne)
  })

  it.each(['inHead', 'outHead', 'sketch', 'nonce', 'recent'] as const)(
    'is named: with another %s than was signed',
    async field => {
      const other = field === 'recent' ? '00'.repeat(8) : null
      const attempt = withOne(await signed(), receipt => ({
        ...receipt,
        [field]: other ?? receipt[field].replace(/.$/, digit => (digit === '0' ? '1' : '0')),
      }))
      expect(verifyReceipts(attempt)).toMatchObject(forgedByOne)
    },
  )

  it.each([
    ['another attempt', 'r.2', 1],
    ['another assignment', 'r', 2],
  ])('is named: it is of %s', async (_, requestId, epoch) => {
    const [attempt, earlier] = [await signed(), await signed(requestId, epoch)]
    const replayed = earlier.receipts.find(({ seat }) => seat === 1)!
    expect(verifyReceipts(withOne(attempt, () => replayed))).toMatchObject(forgedByOne)
    const renamed = { ...replayed, requestId: 'r', epoch: 1 }
    expect(verifyReceipts(withOne(attempt, () => renamed))).toMatchObject(forgedByOne)
  })

  it('is named: of the same chains, of two of which the seat signed both', async () => {
    const attempt = await signed()
    const second = signers[1]!.sign({ ...attempt.receipts.find(({ seat }) => seat === 1)!, inSteps: 1 })
    expect(verifyReceipts({ ...attempt, receipts: [...attempt.receipts, second] })).toMatchObject(forgedByOne)
  })

  it('is named: for other layers than its seat’s', async () => {
    const attempt = withOne(await signed(), receipt => signers[1]!.sign({ ...receipt, layers: { start: 1, end: 2 } }))
    expect(verifyReceipts(attempt)).toMatchObject(forgedByOne)
  })
})
