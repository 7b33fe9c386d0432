/** Finds a model's tokenizer, its chat template and the tokens that end an answer. It tokenises nothing. */
import { ComputePoolError } from '@computepool/shared/errors'
import { z } from 'zod'
import { parseJson, readJson, readWhole, type SourceFolder } from './byte-source.ts'

const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024
const MAX_CONFIG_BYTES = 4 * 1024 * 1024
const MAX_TEMPLATE_CHARS = 200_000

/** What a pack says of its tokenizer, before it is written. */
export interface TokenizerFiles {
  readonly tokenizerJson: Uint8Array
  readonly configJson: Uint8Array
  readonly chatTemplate: string | null
  readonly bosToken: string | null
  readonly eosToken: string | null
  readonly stopTokens: readonly number[]
}

const tokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish()
const idsSchema = z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish()
const tokenizerConfigSchema = z.looseObject({
  bos_token: tokenSchema,
  eos_token: tokenSchema,
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
})
const eosSchema = z.looseObject({ eos_token_id: idsSchema })
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int().nonnegative(), content: z.string() })).nullish(),
  model: z.looseObject({ vocab: z.unknown() }),
})

/**
 * The tokenizer files of `folder`, or null where it has no `tokenizer.json`. `config` is the parsed config.json, or null.
 * Errors: `artifact_invalid` naming the file.
 */
export async function readTokenizerFiles(
  folder: SourceFolder,
  config: unknown,
  vocab: number,
  signal: AbortSignal,
): Promise<TokenizerFiles | null> {
  const tokenizerJson = await readWhole(folder, 'tokenizer.json', MAX_TOKENIZER_BYTES, signal)
  if (!tokenizerJson) return null
  const configJson =
    (await readWhole(folder, 'tokenizer_config.json', MAX_CONFIG_BYTES, signal)) ?? new TextEncoder().encode('{}\n')
  const settings = parseAs(
    tokenizerConfigSchema,
    parseJson(configJson, 'tokenizer_config.json'),
    'tokenizer_config.json',
  )
  const tokenizer = parseAs(tokenizerSchema, parseJson(tokenizerJson, 'tokenizer.json'), 'tokenizer.json')
  const template = await readWhole(folder, 'chat_template.jinja', MAX_TEMPLATE_CHARS * 4, signal)
  const eosToken = tokenText(settings.eos_token)
  const generation = await readJson(folder, 'generation_config.json', MAX_CONFIG_BYTES, signal)
  const ids = [
    eosIds(generation, 'generation_config.json'),
    eosIds(config, 'config.json'),
    eosToken === null ? [] : idOf(tokenizer, eosToken),
  ].flat()
  return {
    tokenizerJson,
    configJson,
    chatTemplate: chatTemplate(template, settings.chat_template),
    bosToken: tokenText(settings.bos_token),
    eosToken,
    stopTokens: [...new Set(ids)].filter(id => id < vocab).sort((a, b) => a - b),
  }
}

function parseAs<T>(schema: z.ZodType<T>, data: unknown, file: string): T {
  const parsed = schema.safeParse(data)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new ComputePoolError('artifact_invalid', `"${file}" is wrong at "${issue.path.join('.')}": ${issue.message}.`, {
    context: { param: file },
  })
}

function tokenText(token: z.infer<typeof tokenSchema>): string | null {
  return token === null || token === undefined ? null : typeof token === 'string' ? token : token.content
}

function eosIds(data: unknown, file: string): number[] {
  return data === null || data === undefined ? [] : [parseAs(eosSchema, data, file).eos_token_id ?? []].flat()
}

function idOf(tokenizer: z.infer<typeof tokenizerSchema>, text: string): number[] {
  const added = tokenizer.added_tokens?.find(token => token.content === text)
  if (added) return [added.id]
  const { vocab } = tokenizer.model
  const id =
    typeof vocab === 'object' && vocab !== null && !Array.isArray(vocab)
      ? (vocab as Record<string, unknown>)[text]
      : undefined
  return typeof id === 'number' ? [id] : []
}

function chatTemplate(
  file: Uint8Array | null,
  setting: z.infer<typeof tokenizerConfigSchema>['chat_template'],
): string | null {
  const inConfig = Array.isArray(setting)
    ? (setting.find(item => item.name === 'default') ?? setting[0])?.template
    : setting
  const template = file ? new TextDecoder().decode(file) : (inConfig ?? null)
  if (template !== null && template.length > MAX_TEMPLATE_CHARS)
    throw new ComputePoolError(
      'artifact_invalid',
      `The chat template has ${template.length} characters; at most ${MAX_TEMPLATE_CHARS} are read.`,
    )
  return template
}
