/** Reads a JSON body, but no more of it than the cap: a length that lies, or none, changes nothing. */
import { ComputePoolError } from '@computepool/shared/errors'

/** The parsed body. Errors: `input_too_large`, `input_invalid`. */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  return parseJson(await readBytes(request, maxBytes))
}

/** A body that was read. Errors: `input_invalid`. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (cause) {
    throw new ComputePoolError('input_invalid', 'The body is not JSON.', {
      remedy: 'Send a JSON object with Content-Type: application/json.',
      cause,
    })
  }
}

/** The body as it came, for who must check a signature over it. Errors: `input_too_large`. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  return (await readBytes(request, maxBytes)).toString('utf8')
}

/** The body's very bytes, for who must hash them. Errors: `input_too_large`. */
export async function readBytes(request: Request, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (maxBytes: number): ComputePoolError =>
  new ComputePoolError('input_too_large', `The body is larger than ${maxBytes} bytes.`, {
    remedy: 'Send a shorter conversation.',
  })
