/**
 * A peer of the original ComputePool, written from the description of its protocol alone: it polls an AXL daemon, computes the last layers
 * and draws the likeliest token. It shares no codec with the product, so that a mistake cannot hide on both sides.
 */
import { activationFromValues } from '@computepool/shared/engine'
import { greedy } from '@computepool/shared/pipeline'
import type { Engine } from '@computepool/shared/ports'

export interface TestOriginalPeer {
  /** [request, seq, rows] of each frame that was computed, in order. */
  readonly computed: readonly (readonly [string, number, number])[]
  /** Requests whose cache is held. */
  readonly held: () => number
  /** Answers the next frames with these bytes, in place of a token. */
  answerWith(...bodies: readonly Buffer[]): void
  /** The number in its tokens: as the description leaves it open, the frame's, or none. */
  tellSeq(tells: boolean): void
  close(): Promise<void>
}

export interface TestOriginalPeerOptions {
  /** Its daemon. */
  readonly url: string
  /** Where tokens go: the original is configured with it. */
  readonly replyTo: string
  /** Layers [k, n). */
  readonly engine: Engine
}

/** `header` and `payload` as the description has it: a 4-byte little-endian length, JSON, raw bytes. */
export function originalBytes(header: Readonly<Record<string, unknown>>, payload: Buffer): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, payload])
}

export function originalToken(request: string, token: number, seq: number | null): Buffer {
  const payload = Buffer.alloc(8)
  payload.writeBigInt64LE(BigInt(token))
  const header = { request_id: request, kind: 'token', dtype: 'int64', shape: [1] }
  return originalBytes(seq === null ? header : { ...header, seq }, payload)
}

export function startOriginalPeer({ url, replyTo, engine }: TestOriginalPeerOptions): TestOriginalPeer {
  const computed: [string, number, number][] = []
  const lengths = new Map<string, number>()
  const scripted: Buffer[] = []
  let tellsSeq = true
  let isOpen = true

  const reply = async (body: Buffer): Promise<void> => {
    await fetch(`${url}/send`, {
      method: 'POST',
      headers: { 'X-Destination-Peer-Id': replyTo },
      body: new Uint8Array(body),
    })
  }

  async function take(body: Buffer): Promise<void> {
    const headerEnd = 4 + body.readUInt32LE(0)
    const header = JSON.parse(body.subarray(4, headerEnd).toString('utf8'))
    const payload = body.subarray(headerEnd)
    const request: string = header.request_id
    if (header.kind === 'control') {
      if (JSON.parse(payload.toString('utf8')).type === 'end') {
        engine.forget(request)
        lengths.delete(request)
      }
      return
    }
    if (header.kind !== 'hidden' || header.dtype !== 'bfloat16' || header.temperature !== 0)
      throw new Error(`a frame that this peer was not to get: ${JSON.stringify(header)}`)
    const [rows, hidden] = header.shape as [number, number]
    // bfloat16 is the upper half of a float32.
    const values = new Float32Array(rows * hidden)
    const words = new DataView(values.buffer)
    for (let i = 0; i < values.length; i++) words.setUint32(i * 4, payload.readUInt16LE(i * 2) << 16, true)
    const position = lengths.get(request) ?? 0
    const [output] = await engine.run([
      {
        requestId: request,
        position,
        input: { activation: activationFromValues(values, hidden, 'f32') },
        sample: { params: greedy, generated: [], prompt: [] },
      },
    ])
    lengths.set(request, position + rows)
    computed.push([request, header.seq, rows])
    if (output?.kind !== 'token') throw new Error('no token')
    await reply(scripted.shift() ?? originalToken(request, output.sampled.token, tellsSeq ? header.seq : null))
  }

  async function serve(): Promise<void> {
    while (isOpen) {
      const answer = await fetch(`${url}/recv`)
      if (answer.status === 200) await take(Buffer.from(await answer.arrayBuffer()))
      else await new Promise(resolve => setImmediate(resolve))
    }
  }
  const serving = serve()
  // A fault is told at the end; a test that waits for a token of it fails by its own deadline.
  serving.catch(() => undefined)
  return {
    computed,
    held: () => lengths.size,
    answerWith: (...bodies) => void scripted.push(...bodies),
    tellSeq(tells) {
      tellsSeq = tells
    },
    async close() {
      isOpen = false
      await serving
      await engine.close()
    },
  }
}
