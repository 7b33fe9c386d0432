/** Signatures over the very bytes that passed, kept for a while, and never from a simulated key in a real one's domain. */
import { createHash } from 'node:crypto'
import { answerKeyHeader, answerSignatureMs, answerSignatureSchema } from '@computepool/shared/attestation'
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import { recoverMessageAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import type { AttestationProvider } from './attestation-provider.ts'
import { createAnswerSigner } from './sign-answers.ts'
import { createSimulatedProvider } from './simulated-provider.ts'

const key = `0x${'33'.repeat(32)}` as const
const account = privateKeyToAccount(key)
/** Stands for hardware in name only: what is asserted of it is the text that such a kind signs. */
const named: AttestationProvider = { ...createSimulatedProvider(key), kind: 'tdx-dstack' }

const bytes = (text: string) => new TextEncoder().encode(text)
const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex')
const request = bytes('{"model":"m", "stream":true}\n')

function open(provider: AttestationProvider = named, maxKept?: number) {
  const clock = createManualClock()
  const faults: unknown[] = []
  const onFault = (fault: unknown) => void faults.push(fault)
  const entropy = createSeededRandom(7)
  const kept = maxKept === undefined ? {} : { maxKept }
  return { clock, faults, ...createAnswerSigner({ provider, clock, entropy, onFault, ...kept }) }
}

/** Events that leave when the test says so; `isCancelled` once nobody reads on. */
function openEvents() {
  let source: ReadableStreamDefaultController<Uint8Array> | null = null
  const state = { isCancelled: false }
  const body = new ReadableStream<Uint8Array>({
    start: controller => {
      source = controller
    },
    cancel: () => {
      state.isCancelled = true
    },
  })
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-a': 'b' } })
  return { response, state, source: source as unknown as ReadableStreamDefaultController<Uint8Array> }
}

const idOf = (response: Response) => response.headers.get(answerKeyHeader) ?? ''

describe('a whole answer', () => {
  it('is signed over its own bytes and those of its request, before its last byte leaves', async () => {
    const { sign, signatureOf } = open()
    const response = sign(request, Response.json({ text: 'naïve' }, { status: 200, headers: { 'x-a': 'b' } }))
    expect(response.headers.get('x-a')).toBe('b')
    expect(signatureOf(idOf(response))).toBeNull()
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    const signed = answerSignatureSchema.parse(signatureOf(idOf(response)))
    expect((await reader.read()).done).toBe(true)
    expect(Buffer.from(value!).toString('utf8')).toBe('{"text":"naïve"}')
    expect(signed.text).toBe(`${sha256(request)}:${sha256(value!)}`)
    expect(signed).toMatchObject({ signing_algo: 'ecdsa', attestation: 'tdx-dstack', isComplete: true })
    const { text: message, signature } = signed
    const signer = await recoverMessageAddress({ message, signature: signature as `0x${string}` })
    expect(signer.toLowerCase()).toBe(signed.signing_address)
    expect(signer).toBe(account.address)
  })

  it('takes a body in pieces, and none', async () => {
    const { sign, signatureOf } = open()
    const inPieces = new ReadableStream<Uint8Array>({
      start: controller => {
        for (const piece of ['{"a"', ':', '1}']) controller.enqueue(bytes(piece))
        controller.close()
      },
    })
    for (const [body, whole] of [[inPieces, '{"a":1}'] as const, [null, ''] as const]) {
      const response = sign(request, new Response(body))
      expect(await response.text()).toBe(whole)
      expect(signatureOf(idOf(response))?.text).toBe(`${sha256(request)}:${sha256(whole)}`)
    }
  })
})

describe('a stream', () => {
  it('passes each event at once, and its end when the signature can be fetched', async () => {
    const { sign, signatureOf } = open()
    const { response, source } = openEvents()
    const signed = sign(request, response)
    const reader = signed.body!.getReader()
    source.enqueue(bytes('data: {"a":1}\n\n'))
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('data: {"a":1}\n\n')
    expect(signatureOf(idOf(signed))).toBeNull()
    source.enqueue(bytes('data: [DO'))
    source.enqueue(bytes('NE]\n\n'))
    await reader.read()
    // A client of OpenAI's stops here, and asks.
    await reader.read()
    const expected = `${sha256(request)}:${sha256('data: {"a":1}\n\ndata: [DONE]\n\n')}`
    expect(signatureOf(idOf(signed))).toMatchObject({ text: expected, isComplete: true })
    source.close()
    expect((await reader.read()).done).toBe(true)
    expect(signatureOf(idOf(signed))).toMatchObject({ text: expected, isComplete: true })
  })

  it('that is cut, breaks or ends in an error is signed over what was sent, and says so', async () => {
    const { sign, signatureOf } = open()
    const first = 'data: {"a":1}\n\n'
    const expected = { text: `${sha256(request)}:${sha256(first)}`, isComplete: false }
    for (const way of ['cut', 'breaks', 'ends'] as const) {
      const { response, source, state } = openEvents()
      const signed = sign(request, response)
      const reader = signed.body!.getReader()
      source.enqueue(bytes(first))
      await reader.read()
      if (way === 'cut') await reader.cancel()
      else if (way === 'ends') source.close()
      else source.error(new Error('the ring is gone'))
      if (way === 'breaks') await expect(reader.read()).rejects.toThrow('the ring is gone')
      else expect((await reader.read()).done).toBe(true)
      expect(state.isCancelled).toBe(way === 'cut')
      expect(signatureOf(idOf(signed))).toMatchObject(expected)
    }
  })

  it('is not read ahead of its reader', async () => {
    let made = 0
    const endless = new ReadableStream<Uint8Array>(
      { pull: controller => controller.enqueue(bytes(`data: ${made++}\n\n`)) },
      { highWaterMark: 0 },
    )
    const { sign, clock } = open()
    const reader = sign(
      request,
      new Response(endless, { headers: { 'content-type': 'text/event-stream' } }),
    ).body!.getReader()
    await reader.read()
    await reader.read()
    await clock.settle()
    expect(made).toBe(2)
    await reader.cancel()
  })
})

describe('what is kept', () => {
  it('ends after twenty minutes, and is bounded', async () => {
    const { sign, signatureOf, clock } = open(named, 2)
    const ids: string[] = []
    for (const text of ['a', 'b', 'c']) {
      const response = sign(request, new Response(text))
      await response.text()
      ids.push(idOf(response))
      await clock.advance(1000)
    }
    expect(new Set(ids).size).toBe(3)
    expect(ids.map(id => signatureOf(id) !== null)).toEqual([false, true, true])
    await clock.advance(answerSignatureMs - 2000)
    expect(ids.map(id => signatureOf(id) !== null)).toEqual([false, false, true])
    await clock.advance(1000)
    expect(ids.map(id => signatureOf(id) !== null)).toEqual([false, false, false])
    expect(signatureOf('00'.repeat(16))).toBeNull()
  })

  it('lacks what the provider could not sign; the answer leaves all the same', async () => {
    const { sign, signatureOf, faults } = open({ ...named, signer: () => Promise.reject(new Error('no agent')) })
    const response = sign(request, new Response('text'))
    expect(await response.text()).toBe('text')
    expect(signatureOf(idOf(response))).toBeNull()
    expect(faults).toHaveLength(1)
  })
})

it('signs in a domain of its own where it is simulated', async () => {
  const { sign, signatureOf } = open(createSimulatedProvider(key))
  const response = sign(request, new Response('text'))
  await response.text()
  const signed = signatureOf(idOf(response))!
  expect(signed).toMatchObject({ attestation: 'simulated', text: `cp-sim-v1:${sha256(request)}:${sha256('text')}` })
  const signature = signed.signature as `0x${string}`
  expect(await recoverMessageAddress({ message: signed.text, signature })).toBe(account.address)
  const bare = signed.text.slice('cp-sim-v1:'.length)
  expect(await recoverMessageAddress({ message: bare, signature })).not.toBe(account.address)
})
