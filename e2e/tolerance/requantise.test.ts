import { randomPack } from '@computepool/shared/testing'
import { expect, test } from 'vitest'
import { requantise, type Weights } from './requantise.ts'

/** Texts: comparing a hundred thousand numbers one by one takes seconds. */
async function bytesOf({ manifest, parts }: Weights): Promise<string[]> {
  const all: string[] = []
  for (const part of manifest.parts) {
    const reader = await parts.open(part)
    all.push(Buffer.from(await reader.read(0, reader.sizeBytes)).toString('hex'))
  }
  return all
}

test('q8 weights as f32 and back are the bytes that they were', async () => {
  const coarse = requantise(randomPack({ quantisation: 'f32' }), 'q8')
  const wide = requantise(coarse, 'f32')
  expect(wide.manifest.quantisation).toBe('f32')
  expect(await bytesOf(requantise(wide, 'q8'))).toEqual(await bytesOf(coarse))
})

test('q4 is another model than q8, of the same norms', async () => {
  const source = randomPack({ quantisation: 'f32' })
  const [q8, q4] = [requantise(source, 'q8'), requantise(source, 'q4')]
  expect(q4.manifest.parts[1]!.sizeBytes).toBeLessThan(q8.manifest.parts[1]!.sizeBytes)
  const norm = (await bytesOf(q4))[1]!.slice(0, 512)
  expect(norm).toEqual((await bytesOf(q8))[1]!.slice(0, 512))
})
