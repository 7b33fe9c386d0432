/** What a stand-in remembers from one start to the next: its contract and its port. A file and its door. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import { type Address, getAddress, isAddress } from 'viem'
import { z } from 'zod'

const factsSchema = z.strictObject({
  version: z.literal(1),
  chainId: z.int().positive(),
  flow: z
    .string()
    .refine(value => isAddress(value), 'not an address')
    .transform((value): Address => getAddress(value)),
  port: z.int().min(1).max(65_535),
})
export type StandInFacts = z.infer<typeof factsSchema>

/** Undefined where there is no file. Errors: `chain_state_invalid`. */
export async function readStandInFacts(file: string): Promise<StandInFacts | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return factsSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new ComputePoolError('chain_state_invalid', `${file} does not tell of a stand-in for 0G Storage.`, {
      remedy: 'Remove the file: the stand-in’s contract is found again, or deployed again.',
      cause,
    })
  }
}

/** Replaces the file as a whole. */
export async function writeStandInFacts(file: string, facts: StandInFacts): Promise<void> {
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(facts, null, 2)}\n`)
  await rename(draft, file)
}
