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
   * Keeps what comes, if it has that digest; `by`: the wallet that leaves it. Errors: `input_invalid` where it has not, `input_too_large`,
   * `swarm_overloaded` where all that is kept is needed.
   */
  put(sha256: string, bytes: ReadableStream<Uint8Array>, by: string): Promise<void>
  /** Null where it is not kept. */
  get(sha256: string): Promise<EvidenceFile | null>
  /** What a bundle that came lately says that it is about (`subjectOfHeader`); null for others, and for what is no bundle. */
  subjectOf(sha256: string): string | null
  /** It is being judged: it stays until what is returned is called. */
  holdWhile(sha256: string): () => void
  /** Takes away what uploads left that a killed process had begun. */
  sweep(): Promise<void>
  /** Somebody was convicted by it: it stays for 30 days, whatever comes, and over restarts; then for as long as there is room. */
  hold(sha256: string): Promise<void>
}

/** Header and two sections at their most, and a little. */
export const maxEvidenceBytes = 145 << 20
const usualMostBytes = 2 ** 31
/** Of one wallet, of bundles by which nobody was convicted: its own eldest go first. */
const mostOfAccuser = 4
/** Longer than any dispute: what is in it was judged, and settled. */
const surelyHeldMs = 30 * 24 * 3_600_000
/** More than checks are open at once. */
const mostSubjects = 256
const namePattern = /^[0-9a-f]{64}$/
/** An empty file beside a bundle that stays: known again after a restart. */
const heldMark = '.held'
const partMark = '.part'
/** Magic and the header's length. */
const prefixBytes = 12

export interface EvidenceArchiveOptions {
  readonly mostBytes?: number
  /** As files are dated. */
  readonly wallMs?: () => number
  /** What came was refused, for all that is kept is needed: nobody can be convicted until there is room. Told once, until something fits again. */
  readonly onFull?: (fault: ComputePoolError) => void
}

/** `folderOf` is asked when a bundle comes or is fetched; the folder is made where it is not there. */
export function createEvidenceArchive(
  folderOf: () => string,
  { mostBytes = usualMostBytes, wallMs = Date.now, onFull = () => {} }: EvidenceArchiveOptions = {},
): EvidenceArchive {
  /** The latest last. */
  const subjects = new Map<string, string>()
  const pathOf = (sha256: string): string => {
    if (!namePattern.test(sha256))
      throw new ComputePoolError('input_invalid', `"${sha256.slice(0, 80)}" is no SHA-256.`)
    return join(folderOf(), sha256)
  }

  /** Who left what, of bundles that nobody was convicted by; the latest last. */
  const leftBy = new Map<string, string>()
  /** How many trials each is judged in. */
  const judged = new Map<string, number>()
  /** Uploads of this process. */
  const parts = new Set<string>()
  let admitting: Promise<unknown> = Promise.resolve()
  let isToldFull = false

  /** When somebody was convicted by each. */
  const heldSince = async (folder: string, names: readonly string[]): Promise<Map<string, number>> => {
    const marks = names.filter(name => name.endsWith(heldMark))
    const since = await Promise.all(marks.map(mark => stat(join(folder, mark)).then(each => each.mtimeMs, wallMs)))
    return new Map(marks.map((mark, i) => [mark.slice(0, -heldMark.length), since[i]!]))
  }

  /**
   * Room for one more: its wallet's own eldest go, then the eldest of all, then those of the eldest convictions; never one that convicted
   * somebody lately, or is being judged.
   */
  const makeRoom = async (sizeBytes: number, by: string): Promise<void> => {
    const folder = folderOf()
    const all = await readdir(folder)
    const convicting = await heldSince(folder, all)
    const names = all.filter(name => namePattern.test(name))
    const files = await Promise.all(
      names.map(async name => {
        const { size, mtimeMs } = await stat(join(folder, name)).catch(() => ({ size: 0, mtimeMs: 0 }))
        return { name, size, mtimeMs }
      }),
    )
    const loose = files
      .filter(({ name }) => !convicting.has(name) && !judged.has(name))
      .sort((a, b) => a.mtimeMs - b.mtimeMs)
    const own = files.filter(({ name }) => !convicting.has(name) && leftBy.get(name) === by).length
    const ownLoose = loose.filter(({ name }) => leftBy.get(name) === by)
    const doomed = new Set(ownLoose.slice(0, Math.max(0, own + 1 - mostOfAccuser)))
    if (own - doomed.size >= mostOfAccuser) throw isFull(`${own} bundles that this wallet left are being judged`)
    let total = sizeBytes + files.reduce((sum, file) => sum + (doomed.has(file) ? 0 : file.size), 0)
    const sinceMs = ({ name }: { name: string }): number => convicting.get(name) ?? Number.POSITIVE_INFINITY
    const old = files
      .filter(file => wallMs() - sinceMs(file) > surelyHeldMs && !judged.has(file.name))
      .sort((a, b) => sinceMs(a) - sinceMs(b))
    for (const file of [...loose, ...old]) {
      if (total <= mostBytes) break
      if (doomed.has(file)) continue
      doomed.add(file)
      total -= file.size
    }
    if (total > mostBytes) {
      const full = isFull(`Evidence that is needed fills the ${mostBytes} bytes that there are for it`)
      if (!isToldFull) onFull(full)
      isToldFull = true
      throw full
    }
    isToldFull = false
    for (const { name } of doomed) {
      await rm(join(folder, name), { force: true })
      await rm(join(folder, name + heldMark), { force: true })
      leftBy.delete(name)
      subjects.delete(name)
    }
  }

  /** One after the other: two that come at once do not take the same room. */
  const admit = (part: string, sha256: string, sizeBytes: number, by: string): Promise<void> => {
    const admitted = admitting.then(async () => {
      const path = pathOf(sha256)
      const isKept = (await stat(path).catch(() => null)) !== null
      if (isKept) await rm(part, { force: true })
      else {
        await makeRoom(sizeBytes, by)
        await rename(part, path)
        leftBy.set(sha256, by)
      }
      const header = await readHeader(path)
      if (header !== null) subjects.set(sha256, subjectOfHeader(header))
      if (subjects.size > mostSubjects) subjects.delete(subjects.keys().next().value!)
    })
    admitting = admitted.catch(() => {})
    return admitted
  }

  return {
    put: async (sha256, bytes, by) => {
      pathOf(sha256)
      const folder = folderOf()
      await mkdir(folder, { recursive: true })
      const name = `${randomUUID()}${partMark}`
      parts.add(name)
      const part = join(folder, name)
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
        await admit(part, sha256, sizeBytes, by)
      } catch (error) {
        await rm(part, { force: true })
        throw error
      } finally {
        parts.delete(name)
      }
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
    holdWhile: sha256 => {
      judged.set(sha256, (judged.get(sha256) ?? 0) + 1)
      let isOver = false
      return () => {
        if (isOver) return
        isOver = true
        const left = judged.get(sha256)! - 1
        if (left === 0) judged.delete(sha256)
        else judged.set(sha256, left)
      }
    },
    sweep: async () => {
      const folder = folderOf()
      const left = (await readdir(folder).catch(() => [])).filter(name => name.endsWith(partMark) && !parts.has(name))
      for (const name of left) await rm(join(folder, name), { force: true })
    },
    hold: async sha256 => {
      await writeFile(pathOf(sha256) + heldMark, '')
      leftBy.delete(sha256)
    },
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

const isFull = (why: string): ComputePoolError =>
  new ComputePoolError('swarm_overloaded', `${why}: this one is not kept.`, {
    remedy: 'Try again when a trial is over; the pool’s owner can move bundles of old convictions away.',
    context: { retryAfterSeconds: 60 },
  })

const tooLarge = (): ComputePoolError =>
  new ComputePoolError('input_too_large', `A bundle has at most ${maxEvidenceBytes} bytes.`, {
    remedy: 'Check an earlier end of the attempt.',
    context: { limitBytes: maxEvidenceBytes },
  })
