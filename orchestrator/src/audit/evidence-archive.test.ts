import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEvidenceArchive } from './evidence-archive.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evidence-archive-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('sweeps what a killed process had begun to take in, and neither what is kept nor what comes now', async () => {
  const bytes = new TextEncoder().encode('evidence')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(join(folder, 'half.part'), 'half')
  writeFileSync(join(folder, 'e1'.repeat(32)), 'kept')
  const archive = createEvidenceArchive(() => folder)
  let send = (): void => {}
  const body = new ReadableStream<Uint8Array>({
    start: stream => {
      stream.enqueue(bytes.slice(0, 3))
      send = () => {
        stream.enqueue(bytes.slice(3))
        stream.close()
      }
    },
  })
  const coming = archive.put(sha256, body, 'wallet')
  await expect.poll(() => readdirSync(folder)).toHaveLength(3)
  await archive.sweep()
  send()
  await coming
  expect(new Set(readdirSync(folder))).toEqual(new Set([sha256, 'e1'.repeat(32)]))
})

it('sweeps nothing where there is no folder yet', async () => {
  await createEvidenceArchive(() => join(folder, 'none')).sweep()
  expect(readdirSync(folder)).toEqual([])
})
