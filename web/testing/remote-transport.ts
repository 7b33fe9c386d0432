/** A transport driven from another thread or page, over anything that carries messages: for the contract suite between real tabs. */
import { asComputePoolError, type ErrorData, errorFromData } from '@computepool/shared/errors'
import type { LinkEvent, LinkFacts, Transport } from '@computepool/shared/ports'

/** A MessagePort, a Worker's scope or a BroadcastChannel. */
export interface MessagePipe {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

type Call =
  | { readonly name: 'send'; readonly peer: string; readonly frame: Uint8Array; readonly isAborted: boolean }
  | { readonly name: 'links' }
  | { readonly name: 'close' }
  /** `count` frames to an echoing peer and back, one after another; answers each round trip in ms. */
  | { readonly name: 'round-trips'; readonly peer: string; readonly sizeBytes: number; readonly count: number }

type Message =
  | { readonly type: 'call'; readonly id: number; readonly call: Call }
  | { readonly type: 'reply'; readonly id: number; readonly value: unknown; readonly error: ErrorData | null }
  | { readonly type: 'frame'; readonly peer: string; readonly frame: Uint8Array }
  | { readonly type: 'link'; readonly event: LinkEvent }

export interface RemoteTransport extends Transport {
  /** Brings `links()` up to date. */
  refresh(): Promise<void>
  roundTrips(peer: string, sizeBytes: number, count: number): Promise<number[]>
}

export function driveTransport(pipe: MessagePipe): RemoteTransport {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  const frameHandlers = new Set<(peer: string, frame: Uint8Array) => void>()
  const linkHandlers = new Set<(event: LinkEvent) => void>()
  let links: readonly LinkFacts[] = []
  let calls = 0

  pipe.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.type === 'frame') for (const handler of frameHandlers) handler(data.peer, data.frame)
    if (data.type === 'link') for (const handler of linkHandlers) handler(data.event)
    if (data.type !== 'reply') return
    const entry = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.error) entry?.reject(errorFromData(data.error))
    else entry?.resolve(data.value)
  })
  const call = (content: Call): Promise<unknown> =>
    new Promise((resolve, reject) => {
      calls += 1
      waiting.set(calls, { resolve, reject })
      pipe.postMessage({ type: 'call', id: calls, call: content } satisfies Message)
    })

  return {
    send: async (peer, frame, signal) =>
      void (await call({ name: 'send', peer, frame, isAborted: signal?.aborted === true })),
    onFrame(handler) {
      frameHandlers.add(handler)
      return () => void frameHandlers.delete(handler)
    },
    onLink(handler) {
      linkHandlers.add(handler)
      return () => void linkHandlers.delete(handler)
    },
    links: () => links,
    close: async () => void (await call({ name: 'close' })),
    async refresh() {
      links = (await call({ name: 'links' })) as LinkFacts[]
    },
    roundTrips: async (peer, sizeBytes, count) =>
      (await call({ name: 'round-trips', peer, sizeBytes, count })) as number[],
  }
}

/** What an echoed frame begins with, there and back; the contract's frames begin with small numbers. */
const echoRequest = 0xffff_fffe
const echoReply = 0xffff_ffff
const mark = (frame: Uint8Array): DataView => new DataView(frame.buffer, frame.byteOffset)

/** Lets the other end of `pipe` drive `transport`. */
export function serveTransport(transport: Transport, pipe: MessagePipe): void {
  const post = (message: Message): void => pipe.postMessage(message)
  const echoes = new Set<() => void>()
  let isEchoing = false
  transport.onFrame((peer, frame) => {
    if (mark(frame).getUint32(0) === echoRequest) {
      const reply = frame.slice()
      mark(reply).setUint32(0, echoReply)
      void transport.send(peer, reply)
    } else if (isEchoing) for (const heard of echoes) heard()
    else post({ type: 'frame', peer, frame })
  })
  transport.onLink(event => post({ type: 'link', event }))

  async function roundTrips(peer: string, sizeBytes: number, count: number): Promise<number[]> {
    isEchoing = true
    const frame = new Uint8Array(sizeBytes).fill(1)
    mark(frame).setUint32(0, echoRequest)
    const times: number[] = []
    for (let index = 0; index < count; index += 1) {
      const startMs = performance.now()
      await new Promise<void>((resolve, reject) => {
        const heard = (): void => {
          echoes.delete(heard)
          resolve()
        }
        echoes.add(heard)
        transport.send(peer, frame).catch(reject)
      })
      times.push(performance.now() - startMs)
    }
    isEchoing = false
    return times
  }
  async function perform(call: Call): Promise<unknown> {
    if (call.name === 'links') return transport.links()
    if (call.name === 'close') return transport.close()
    if (call.name === 'round-trips') return roundTrips(call.peer, call.sizeBytes, call.count)
    const aborting = new AbortController()
    if (call.isAborted) aborting.abort()
    return transport.send(call.peer, call.frame, aborting.signal)
  }
  pipe.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.type !== 'call') return
    const { id } = data
    perform(data.call).then(
      value => post({ type: 'reply', id, value, error: null }),
      error => post({ type: 'reply', id, value: null, error: asComputePoolError(error).toJSON() }),
    )
  })
}
