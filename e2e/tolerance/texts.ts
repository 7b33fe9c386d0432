/**
 * Tokens to run: for the demo model conversations as it was trained to hold, through its own template and tokenizer; for random models,
 * whose every token is as good as any, random ones. Calibration and proof never share a text.
 */
import { readFile } from 'node:fs/promises'
import { createTextCodec } from '@computepool/orchestrator/text/index.ts'
import type { Manifest } from '@computepool/shared/model'
import { philox2x32 } from '@computepool/shared/sampler'

/** Text `index` of the model, `length` tokens. */
export type ReadText = (index: number, length: number) => readonly number[]

/** Tokens drawn evenly from `vocab`. */
export function randomTokens(vocab: number, seed: number, length: number): number[] {
  return Array.from({ length }, (_, i) => philox2x32([i, 1], seed)[0] % vocab)
}

interface HeldOut {
  readonly question: string
  readonly topic: string
}

/** Conversations of the demo model's own data in `folder` (models/demo): text n begins at another question than text n + 1. */
export async function readDemoTexts(folder: string, manifest: Manifest): Promise<ReadText> {
  const read = (name: string) => readFile(`${folder}/${name}`, 'utf8')
  const json = async (name: string): Promise<unknown> => JSON.parse(await read(name))
  const { tokenizer, config } = manifest.tokenizer
  const codec = createTextCodec({
    tokenizer: await json(`pack/${tokenizer.path}`),
    config: await json(`pack/${config.path}`),
    manifest,
  })
  const answers = new Map<string, string>()
  let topic = ''
  for (const line of (await read('data/dialogues.txt')).split('\n')) {
    if (line.startsWith('= ')) topic = line.slice(2).trim()
    if (line.startsWith('! ')) answers.set(topic, line.slice(2).trim())
  }
  const questions = (await read('data/held-out.jsonl'))
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as HeldOut)
  return (index, length) => {
    const messages = []
    // So many turns are more than enough tokens; 13 is coprime to the questions' number, so every text goes another way.
    for (let turn = 0; turn < length / 16; turn++) {
      const { question, topic } = questions[(index * 29 + turn * 13) % questions.length]!
      messages.push({ role: 'user', content: question })
      messages.push({ role: 'assistant', content: answers.get(topic) ?? 'I know only ComputePool.' })
    }
    const tokens = codec.encodeChat(messages)
    if (tokens.length < length) throw new Error(`text ${index} has ${tokens.length} tokens, not ${length}`)
    return tokens.slice(0, length)
  }
}
