/** What the packer reads from: named files of which any span can be asked for. It knows neither HTTP nor tensors. */
import { ComputePoolError } from '@computepool/shared/errors'

/** One file of a checkpoint. */
export interface ByteSource {
  /** The path inside its folder, for messages. */
  readonly name: string
  readonly sizeBytes: number
  /** Changes when the file's content does: size with an ETag, or with the time of the last change. */
  readonly identity: string
  /** Exactly `length` bytes. Errors: `artifact_fetch_failed`; the signal's reason where aborted. */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>
  close(): Promise<void>
}

/** A checkpoint's folder, on this disk or behind HTTP. */
export interface SourceFolder {
  /** What the manifest says of its origin; never a path of this machine, never a credential. */
  readonly label: string
  /** The model's id where the packer is given none. */
  readonly modelName: string
  readonly licence: string | null
  /** Names of all files, or null where the origin lists none. */
  readonly files: readonly string[] | null
  /** True where `label` alone pins the content (a commit of a hub). */
  readonly isPinned: boolean
  /** Null where there is no such file. */
  open(path: string, signal: AbortSignal): Promise<ByteSource | null>
}

/** A whole small file, or null where there is none. Errors: `artifact_invalid` past `maxBytes`. */
export async function readWhole(
  folder: SourceFolder,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const file = await folder.open(path, signal)
  if (!file) return null
  try {
    if (file.sizeBytes > maxBytes)
      throw new ComputePoolError(
        'artifact_invalid',
        `"${path}" has ${file.sizeBytes} bytes; at most ${maxBytes} are read.`,
        { context: { param: path } },
      )
    return await file.read(0, file.sizeBytes, signal)
  } finally {
    await file.close()
  }
}

/** A small JSON file, parsed, or null where there is none. Errors: `artifact_invalid` where it is not JSON. */
export async function readJson(
  folder: SourceFolder,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<unknown> {
  const bytes = await readWhole(folder, path, maxBytes, signal)
  return bytes === null ? null : parseJson(bytes, path)
}

/** JSON of unknown shape. Errors: `artifact_invalid` naming the file. */
export function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new ComputePoolError('artifact_invalid', `"${name}" is not JSON.`, {
      remedy: 'Fetch the checkpoint again.',
      context: { param: name },
      cause,
    })
  }
}
