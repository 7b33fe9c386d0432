/** A file server for download tests, in one process: it serves ranges, and misbehaves as it is told. */

export interface FakeFileServer {
  readonly fetchBytes: (url: string, init: RequestInit) => Promise<Response>
  /** What was asked, in order: path, first byte, cache mode. */
  readonly asked: { readonly path: string; readonly start: number; readonly cache: string }[]
  /** Most answers that were under way at once. */
  readonly mostAtOnce: () => number
}

export interface FakeAnswer {
  /** Default: the file from `start` on. */
  readonly body?: Uint8Array
  readonly status?: number
  /** Breaks the connection after so many bytes of this answer. */
  readonly cutAfter?: number
  /** Sends this much, then stays silent. */
  readonly stallAfter?: number
  /** Never says that the body is over, and does not hear an abort. */
  readonly isDeaf?: boolean
  readonly ignoresRange?: boolean
  /** Sends a part and does not say which. */
  readonly hidesRange?: boolean
  /** Says in JSON, with status 200, that it has no such file. */
  readonly isApologetic?: boolean
}

/** `answer` may change any answer; it is called with the number of earlier requests for the path. */
export function createFakeFileServer(
  files: Readonly<Record<string, Uint8Array>>,
  answer: (path: string, earlier: number, start: number) => FakeAnswer = () => ({}),
): FakeFileServer {
  const asked: { path: string; start: number; cache: string }[] = []
  let atOnce = 0
  let most = 0

  return {
    asked,
    mostAtOnce: () => most,
    async fetchBytes(url, init) {
      const path = new URL(url).pathname.slice(1)
      const range = new Headers(init.headers).get('range')
      const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
      const earlier = asked.filter(entry => entry.path === path).length
      asked.push({ path, start, cache: init.cache ?? 'default' })
      init.signal?.throwIfAborted()
      const { body, status, cutAfter, stallAfter, isDeaf = false, ...bad } = answer(path, earlier, start)
      const file = body ?? files[path]
      if (file === undefined || (status !== undefined && status >= 400))
        return new Response('no', { status: status ?? 404 })
      if (bad.isApologetic) return Response.json({ code: 101, message: 'File not found' })
      const from = bad.ignoresRange ? 0 : start
      const sent = file.subarray(from)
      atOnce += 1
      most = Math.max(most, atOnce)
      const signal = isDeaf ? null : (init.signal ?? null)
      const stream = streamOf(sent, { cutAfter, stallAfter, isDeaf, signal, onEnd: () => (atOnce -= 1) })
      if (from === 0) return new Response(stream, { status: 200 })
      const headers = { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }
      return new Response(stream, { status: 206, ...(bad.hidesRange ? {} : { headers }) })
    },
  }
}

interface StreamOptions {
  readonly cutAfter: number | undefined
  readonly stallAfter: number | undefined
  readonly isDeaf: boolean
  readonly signal: AbortSignal | null
  readonly onEnd: () => void
}

function streamOf(
  bytes: Uint8Array,
  { cutAfter, stallAfter, isDeaf, signal, onEnd }: StreamOptions,
): ReadableStream<Uint8Array> {
  const chunkBytes = 1000
  let sent = 0
  let isOver = false
  const end = (): void => {
    if (!isOver) onEnd()
    isOver = true
  }
  return new ReadableStream({
    start(controller) {
      signal?.addEventListener('abort', () => {
        if (!isOver) controller.error(signal.reason)
        end()
      })
    },
    async pull(controller) {
      await new Promise(resolve => setImmediate(resolve))
      if (isOver) return
      if (stallAfter !== undefined && sent >= stallAfter) return new Promise(() => {})
      if (cutAfter !== undefined && sent >= cutAfter) {
        end()
        return controller.error(new TypeError('network error'))
      }
      if (sent >= bytes.length) {
        if (isDeaf) return new Promise(() => {})
        end()
        return controller.close()
      }
      const limit = Math.min(bytes.length, cutAfter ?? bytes.length, stallAfter ?? bytes.length, sent + chunkBytes)
      controller.enqueue(bytes.slice(sent, limit))
      sent = limit
    },
    cancel: end,
  })
}
