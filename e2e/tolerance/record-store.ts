/** Measured cases on disk, one file each, so that a run which ends early goes on where it was. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CaseRecord } from './measure-case.ts'

export interface RecordStore {
  has(name: string): boolean
  save(record: CaseRecord): Promise<void>
  /** All that are there, by name. */
  readAll(): Promise<CaseRecord[]>
}

const fileOf = (name: string) => `${name.replaceAll('/', '_')}.json`

/** Opens `folder`, which is made where it does not exist. */
export async function openRecordStore(folder: string): Promise<RecordStore> {
  await mkdir(folder, { recursive: true })
  const known = new Set((await readdir(folder)).filter(file => file.endsWith('.json')))
  return {
    has: name => known.has(fileOf(name)),
    async save(record) {
      const file = fileOf(record.case.name)
      const groups = record.groups.map(({ errors, ...key }) => ({
        ...key,
        errors: Buffer.from(errors.buffer).toString('base64'),
      }))
      // Whole or not there: a file that was cut off would be taken for a finished case.
      await writeFile(join(folder, `${file}.part`), JSON.stringify({ ...record, groups }))
      await rename(join(folder, `${file}.part`), join(folder, file))
      known.add(file)
    },
    async readAll() {
      const records: CaseRecord[] = []
      for (const file of [...known].sort()) {
        const record = JSON.parse(await readFile(join(folder, file), 'utf8'))
        for (const group of record.groups)
          group.errors = new Float64Array(new Uint8Array(Buffer.from(group.errors, 'base64')).buffer)
        records.push(record as CaseRecord)
      }
      return records
    },
  }
}
