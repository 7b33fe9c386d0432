/**
 * The door of the OpenAI endpoints: an unknown body becomes a typed one, or an error that names the field. It knows no model and
 * no tokens.
 */
import type { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'
import {
  type ChatCompletionBody,
  type CompletionBody,
  chatCompletionSchema,
  completionSchema,
} from './request-schemas.ts'

/** Parses a chat body. Errors: `input_invalid`, `input_unsupported`, each with `param`. */
export function parseChatCompletion(body: unknown): ChatCompletionBody {
  refuseUnsupported(body, chatRefusals)
  const parsed = parse(chatCompletionSchema, body)
  parsed.messages.forEach((message, index) => {
    if (!Array.isArray(message.content)) return
    message.content.forEach((part, place) => {
      if (part.type === 'text' && part.text !== undefined) return
      const param = `messages[${index}].content[${place}]`
      throw unsupported(param, `Content of type "${part.type}" is not supported.`, 'Send text only.')
    })
  })
  return parsed
}

/** Parses a completion body. Errors: `input_invalid`, `input_unsupported`, each with `param`. */
export function parseCompletion(body: unknown): CompletionBody {
  if (isRecord(body) && Array.isArray(body.prompt) && body.prompt.length > 1 && !body.prompt.every(Number.isInteger)) {
    throw unsupported('prompt', `${body.prompt.length} prompts came in one request.`, 'Send one prompt a request.')
  }
  refuseUnsupported(body, completionRefusals)
  return parse(completionSchema, body)
}

type Refusals = Readonly<Record<string, { readonly isHarmless: (value: unknown) => boolean; readonly remedy: string }>>

const isAbsent = (value: unknown): boolean => value === undefined || value === null
const isEmpty = (value: unknown): boolean => isAbsent(value) || (Array.isArray(value) && value.length === 0)

const commonRefusals: Refusals = {
  n: { isHarmless: value => isAbsent(value) || value === 1, remedy: 'Send the request once for each answer.' },
  logit_bias: {
    isHarmless: value => !isRecord(value) || Object.keys(value).every(key => /^\d+$/.test(key)),
    remedy: 'Give token ids as keys, not text.',
  },
}
const chatRefusals: Refusals = {
  ...commonRefusals,
  tools: { isHarmless: isEmpty, remedy: 'Leave it out: the pool generates text only.' },
  tool_choice: {
    isHarmless: value => isAbsent(value) || value === 'none' || value === 'auto',
    remedy: 'Leave it out: the pool generates text only.',
  },
  functions: { isHarmless: isEmpty, remedy: 'Leave it out: the pool generates text only.' },
  response_format: {
    isHarmless: value => isAbsent(value) || (isRecord(value) && value.type === 'text'),
    remedy: 'Ask for the format in the prompt, and check the answer.',
  },
  audio: { isHarmless: isAbsent, remedy: 'Leave it out: the pool generates text only.' },
  modalities: {
    isHarmless: value => isAbsent(value) || (Array.isArray(value) && value.every(entry => entry === 'text')),
    remedy: 'Ask for text only.',
  },
  web_search_options: { isHarmless: isAbsent, remedy: 'Leave it out: the pool looks nothing up.' },
}
const completionRefusals: Refusals = {
  ...commonRefusals,
  echo: {
    isHarmless: value => isAbsent(value) || value === false,
    remedy: 'Put the prompt before the answer yourself.',
  },
  suffix: {
    isHarmless: value => isAbsent(value) || value === '',
    remedy: 'Leave it out: the pool writes forward only.',
  },
  best_of: { isHarmless: value => isAbsent(value) || value === 1, remedy: 'Leave it out or send 1.' },
}

function refuseUnsupported(body: unknown, refusals: Refusals): void {
  if (!isRecord(body)) return
  for (const [param, { isHarmless, remedy }] of Object.entries(refusals)) {
    if (!isHarmless(body[param])) throw unsupported(param, `"${param}" with this value is not supported.`, remedy)
  }
}

function parse<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const param = issue.path.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`),
    '',
  )
  throw new ComputePoolError('input_invalid', `"${param === '' ? 'body' : param}": ${issue.message}.`, {
    remedy: 'Correct the field and send the request again.',
    context: { param: param === '' ? null : param },
  })
}

const unsupported = (param: string, message: string, remedy: string): ComputePoolError =>
  new ComputePoolError('input_unsupported', message, { remedy, context: { param } })

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
