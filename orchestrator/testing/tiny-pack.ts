/** A pack of a few kilobytes with random weights and a byte tokenizer, for tests in which fake tabs answer. */
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'

/** The model that `writeTinyPack` writes. */
export const tinyModel = 'random'

/** Four layers; the same bytes each time. Its answers seldom end before `context` does. */
export async function writeTinyPack(outDir: string, context = 256): Promise<void> {
  await writeRandomPack({
    outDir,
    architecture: 'qwen3',
    dimensions: {
      layers: 4,
      hidden: 64,
      heads: 2,
      kvHeads: 1,
      headDim: 32,
      intermediate: 64,
      vocab: 300,
      context,
    },
    quantisation: 'f16',
    seed: 1,
    model: tinyModel,
  })
}
