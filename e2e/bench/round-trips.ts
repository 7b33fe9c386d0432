/** Round trips of an activation and its token over any transport: one step of decoding without the engines. It knows no link kinds. */
import type { Transport } from '@computepool/shared/ports'
import { decodeFrame, decodeTokens, encodeFrame, encodeTokens, type FrameHeader } from '@computepool/shared/wire'

/** 1,280 values in f32: 5,120 bytes. */
const hidden = 1280

const header = (kind: 'hidden' | 'token', seq: number): FrameHeader => ({
  request_id: 'req_bench00000000000000000',
  kind,
  dtype: kind === 'hidden' ? 'f32' : 'int64',
  shape: kind === 'hidden' ? [1, hidden] : [1],
  seq,
  position: 1000 + seq,
  epoch: 1,
  ...(kind === 'hidden' ? { sample: true } : {}),
  trace: [{ seat: 0, computeMs: 1.25, queueMs: 0.25 }],
})

export function activationFrame(seq: number): Uint8Array<ArrayBuffer> {
  return encodeFrame({ header: header('hidden', seq), payload: new Uint8Array(hidden * 4).fill(seq) })
}

export function tokenFrame(seq: number): Uint8Array<ArrayBuffer> {
  return encodeFrame({ header: header('token', seq), payload: encodeTokens([seq]) })
}

/** The far end: a token for each activation. */
export function answerActivations(transport: Transport): void {
  transport.onFrame((peer, frame) => {
    const { kind, seq } = decodeFrame(frame).header
    if (kind === 'hidden') void transport.send(peer, tokenFrame(seq))
  })
}

/** Milliseconds of `count` round trips, one after another. Throws where a token is not the one that was asked. */
export async function roundTripsMs(transport: Transport, peer: string, count: number): Promise<number[]> {
  const samples: number[] = []
  for (let seq = 0; seq < count; seq++) {
    const startedMs = performance.now()
    const token = await new Promise<number>((resolve, reject) => {
      const stop = transport.onFrame((_, frame) => {
        stop()
        resolve(decodeTokens(decodeFrame(frame))[0]!.token)
      })
      transport.send(peer, activationFrame(seq)).catch(reject)
    })
    samples.push(performance.now() - startedMs)
    if (token !== seq) throw new Error(`Token ${token} came for frame ${seq}.`)
  }
  return samples
}

/** Settles when the transport's link to `peer` is open; rejects where it closes first. */
export function linkOpened(transport: Transport, peer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = transport.onLink(event => {
      if (event.peer !== peer) return
      if (event.type === 'link-opened') resolve()
      if (event.type === 'link-closed') reject(new Error(`The link to ${peer} closed: ${event.error.message}`))
      if (event.type !== 'link-measured') stop()
    })
  })
}
