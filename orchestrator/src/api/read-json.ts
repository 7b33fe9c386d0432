/** Reads a JSON body, but no more of it than the cap: a length that lies, or none, changes nothing. */
import { ComputePoolError } from '@computepool/shared/errors'

/** The parsed body. Errors: `input_too_large`, `input_invalid`. */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const text = await readText(request, maxBytes)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ComputePoolError('input_invalid', 'The body is not JSON.', {
      remedy: 'Send a JSON object with Content-Type: application/json.',
      cause,
    })
  }
}

/** The body as it came, for who must check a signature over it. Errors: `input_too_large`. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLarge = (maxBytes: number): ComputePoolError =>
  new ComputePoolError('input_too_large', `The body is larger than ${maxBytes} bytes.`, {
    remedy: 'Send a shorter conversation.',
  })
