/**
 * Bundles of evidence, by their SHA-256: where auditors leave them, and whence anybody fetches them. Files of one folder; their rows are never read
 * here, and their headers only to see whether they are about what was asked.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type EvidenceHeader, evidenceHeaderSchema, maxEvidenceHeaderBytes } from '@computepool/shared/audit'
import { ComputePoolError } from '@computepool/shared/errors'
import { subjectOfHeader } from './evidence-fits.ts'

export interface EvidenceFile {
  readonly sizeBytes: number
  stream(): ReadableStream<Uint8Array>
}

export interface EvidenceArchive {
  /**
   * Keeps what comes, if it has that digest. Errors: `input_invalid` where it has not, `input_too_large`.
   */
  put(sha256: string, bytes: ReadableStream<Uint8Array>): Promise<void>
  /** Null where it is not kept. */
  get(sha256: string): Promise<EvidenceFile | null>
  /** What a bundle that came lately says that it is about (`subjectOfHeader`); null for others, and for what is no bundle. */
  subjectOf(sha256: string): string | null
  /** Somebody stands accused by it: it stays, whatever comes. */
  hold(sha256: string): Promise<void>
}

/** Header and two sections at their most, and a little. */
export const maxEvidenceBytes = 145 << 20
const usualMostBytes = 2 ** 31
/** More than checks are open at once. */
const mostSubjects = 256
const namePattern = /^[0-9a-f]{64}$/
/** An empty file beside a bundle that stays: known again after a restart. */
const heldMark = '.held'
/** Magic and the header's length. */
const prefixBytes = 12

/** `folderOf` is asked when a bundle comes or is fetched; the folder is made where it is not there. */
export function createEvidenceArchive(folderOf: () => string, mostBytes = usualMostBytes): EvidenceArchive {
  /** The latest last. */
  const subjects = new Map<string, string>()
  const pathOf = (sha256: string): string => {
    if (!namePattern.test(sha256))
      throw new ComputePoolError('input_invalid', `"${sha256.slice(0, 80)}" is no SHA-256.`)
    return join(folderOf(), sha256)
  }

  /** The eldest go first, but for those by which somebody stands accused. */
  const makeRoom = async (): Promise<void> => {
    const folder = folderOf()
    const all = await readdir(folder)
    const held = new Set(all.filter(name => name.endsWith(heldMark)).map(name => name.slice(0, -heldMark.length)))
    const names = all.filter(name => namePattern.test(name))
    const files = await Promise.all(
      names.map(async name => {
        const { size, mtimeMs } = await stat(join(folder, name)).catch(() => ({ size: 0, mtimeMs: 0 }))
        return { name, size, mtimeMs }
      }),
    )
    let total = files.reduce((sum, { size }) => sum + size, 0)
    for (const { name, size } of files.filter(file => !held.has(file.name)).sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= mostBytes) return
      await rm(join(folder, name), { force: true })
      total -= size
    }
  }

  return {
    put: async (sha256, bytes) => {
      const path = pathOf(sha256)
      const folder = folderOf()
      await mkdir(folder, { recursive: true })
      const part = join(folder, `${randomUUID()}.part`)
      const hash = createHash('sha256')
      let sizeBytes = 0
      const measured = new Transform({
        transform(chunk: Uint8Array, _, done) {
          sizeBytes += chunk.length
          hash.update(chunk)
          done(sizeBytes > maxEvidenceBytes ? tooLarge() : null, chunk)
        },
      })
      try {
        await pipeline(Readable.fromWeb(bytes as never), measured, createWriteStream(part, { flags: 'wx' }))
        const found = hash.digest('hex')
        if (found !== sha256)
          throw new ComputePoolError('input_invalid', `What came has the SHA-256 ${found}, not ${sha256}.`, {
            remedy: 'Send the very bytes that were named.',
            context: { param: 'sha256' },
          })
        await rename(part, path)
      } catch (error) {
        await rm(part, { force: true })
        throw error
      }
      const header = await readHeader(path)
      if (header !== null) subjects.set(sha256, subjectOfHeader(header))
      if (subjects.size > mostSubjects) subjects.delete(subjects.keys().next().value!)
      await makeRoom()
    },
    get: async sha256 => {
      const path = pathOf(sha256)
      const found = await stat(path).catch(() => null)
      if (found === null) return null
      return {
        sizeBytes: found.size,
        stream: () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>,
      }
    },
    subjectOf: sha256 => subjects.get(sha256) ?? null,
    hold: async sha256 => writeFile(pathOf(sha256) + heldMark, ''),
  }
}

async function readHeader(path: string): Promise<EvidenceHeader | null> {
  const file = await open(path, 'r')
  try {
    const prefix = Buffer.alloc(prefixBytes)
    await file.read(prefix, 0, prefixBytes, 0)
    const length = prefix.readUInt32LE(prefixBytes - 4)
    if (prefix.toString('latin1', 0, 8) !== 'CPEVID01' || length > maxEvidenceHeaderBytes) return null
    const text = Buffer.alloc(length)
    await file.read(text, 0, length, prefixBytes)
    return evidenceHeaderSchema.safeParse(JSON.parse(text.toString('utf8'))).data ?? null
  } catch {
    return null
  } finally {
    await file.close()
  }
}

const tooLarge = (): ComputePoolError =>
  new ComputePoolError('input_too_large', `A bundle has at most ${maxEvidenceBytes} bytes.`, {
    remedy: 'Check an earlier end of the attempt.',
    context: { limitBytes: maxEvidenceBytes },
  })
