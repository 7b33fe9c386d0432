/** The tokenizer of a tiny model of this repository as a codec, and what the reference implementation made of it. */
import { readFileSync } from 'node:fs'
import type { Manifest } from '@computepool/shared/model'
import { fakeManifest } from '@computepool/shared/testing'
import { createTextCodec, type TextCodec } from '../src/text/index.ts'

const readJson = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../models/tiny/${path}`, import.meta.url), 'utf8'))

export type TinyModel = 'qwen3' | 'llama'

export interface TokenizerGolden {
  readonly texts: ReadonlyArray<{ readonly text: string; readonly tokens: number[] }>
  readonly chat: {
    readonly messages: Array<{ role: string; content: string }>
    readonly text: string
    readonly tokens: number[]
  }
}

export const readGolden = (model: TinyModel): TokenizerGolden =>
  readJson(`${model}/golden-tokenizer.json`) as TokenizerGolden

/** A fake model that speaks the tiny model's tokens; `change` overrides its manifest. */
export function tinyManifest(model: TinyModel, change: Partial<Manifest['tokenizer']> = {}): Manifest {
  const config = readJson(`${model}/tokenizer_config.json`) as Record<
    'chat_template' | 'bos_token' | 'eos_token',
    string
  >
  const base = fakeManifest({ model: 'tiny', dimensions: { layers: 4, vocab: 288, context: 256 } })
  const tokenizer = {
    ...base.tokenizer,
    chatTemplate: config.chat_template,
    bosToken: config.bos_token,
    eosToken: config.eos_token,
    stopTokens: [286],
    ...change,
  }
  return { ...base, tokenizer }
}

export const tinyFiles = (model: TinyModel): { tokenizer: unknown; config: unknown } => ({
  tokenizer: readJson(`${model}/tokenizer.json`),
  config: readJson(`${model}/tokenizer_config.json`),
})

export function tinyCodec(model: TinyModel = 'qwen3', change: Partial<Manifest['tokenizer']> = {}): TextCodec {
  return createTextCodec({ ...tinyFiles(model), manifest: tinyManifest(model, change) })
}
