/**
 * Renders a conversation through the model's own template. The template is foreign code of a small language: its time, its
 * input and its output are capped. It knows no tokens.
 */
import { createContext, Script } from 'node:vm'
import { ComputePoolError } from '@computepool/shared/errors'
import { Template } from '@huggingface/jinja'

export interface ChatMessage {
  readonly role: string
  readonly content: string
}

export interface ChatTemplate {
  /** Text of the prompt, ending where the assistant's answer begins. Errors: `input_invalid`, `input_too_large`. */
  render(messages: readonly ChatMessage[], switches?: TemplateSwitches): string
}

/** Variables that a caller gives to the template beside the messages. */
export type TemplateSwitches = Readonly<Record<string, string | number | boolean>>

interface TemplateTokens {
  readonly bosToken: string | null
  readonly eosToken: string | null
}

/** Characters of a rendered conversation; more than any context of the models that run in tabs. */
const mostChars = 8_000_000
/** Milliseconds for one rendering; a template of a thousand lines takes about one. */
const renderLimitMs = 1000
/** Compiles `source` once. Errors: `artifact_invalid` where it does not parse. */
export function compileChatTemplate(source: string, tokens: TemplateTokens, limitMs = renderLimitMs): ChatTemplate {
  const template = parse(source)
  return {
    render: (messages, switches = {}) => {
      const input = messages.reduce((sum, message) => sum + message.content.length, 0)
      if (input > mostChars) throw tooLarge(input)
      const text = run(template, { ...switches, ...variablesOf(messages, tokens) }, limitMs)
      if (text.length > mostChars) throw tooLarge(text.length)
      return text
    },
  }
}

function parse(source: string): Template {
  try {
    return new Template(source)
  } catch (cause) {
    throw new ComputePoolError('artifact_invalid', `The model's chat template does not parse: ${textOf(cause)}.`, {
      remedy: 'Pack the model again with a template that Jinja accepts, or use /v1/completions.',
      cause,
    })
  }
}

const variablesOf = (messages: readonly ChatMessage[], tokens: TemplateTokens): Record<string, unknown> => ({
  messages: messages.map(message => ({ ...message })),
  add_generation_prompt: true,
  bos_token: tokens.bosToken ?? '',
  eos_token: tokens.eosToken ?? '',
  tools: null,
})

function run(template: Template, variables: Record<string, unknown>, limitMs: number): string {
  try {
    return withinTime(() => template.render(variables), limitMs)
  } catch (cause) {
    throw new ComputePoolError('input_invalid', `The model's chat template refused these messages: ${textOf(cause)}.`, {
      remedy: 'Check the order of roles: system first, then user and assistant in turn.',
      context: { param: 'messages' },
      cause,
    })
  }
}

// Synchronous code can be stopped from outside only by the VM's own watchdog; the context is no sandbox here, just a clock.
const watched = createContext({ render: (): string => '' })
const script = new Script('render()')
function withinTime(render: () => string, limitMs: number): string {
  watched.render = render
  return script.runInContext(watched, { timeout: limitMs }) as string
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).slice(0, 300)

const tooLarge = (chars: number): ComputePoolError =>
  new ComputePoolError('input_too_large', `The conversation has ${chars} characters; ${mostChars} is the most.`, {
    remedy: 'Leave out older messages.',
    context: { param: 'messages' },
  })
