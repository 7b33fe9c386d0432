/** Files that a person brings to judge evidence by: collateral, measurements, a signature. */
import { readFile } from 'node:fs/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import type { z } from 'zod'
import { fromHere } from '../from-here.ts'

/** JSON as `schema` has it; null where no file was named. Errors: `input_invalid`. */
export async function readEvidenceFile<T extends z.ZodType>(
  schema: T,
  file: string | undefined,
): Promise<z.infer<T> | null> {
  if (file === undefined) return null
  const path = fromHere(file)
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new ComputePoolError('input_invalid', `${path} cannot be used: ${String(cause).slice(0, 300)}`, {
      remedy: 'computepool verify-attestation --help tells how such a file looks.',
      cause,
    })
  }
}
