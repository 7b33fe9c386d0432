/**
 * KeeperHub's references, `{{@nodeId:Label.path}}`, `{{Label.path}}` and `{{$nodeId.path}}`, resolved strictly: one that leads
 * nowhere fails the step, because an empty string in its place would reach the chain. It knows outputs, not what made them.
 */

export interface NodeOutput {
  readonly label: string
  readonly data: unknown
}
export type NodeOutputs = ReadonlyMap<string, NodeOutput>
export type Resolution = { readonly isFound: true; readonly value: unknown } | { readonly isFound: false }

/** A reference that leads nowhere: the message names it. */
export class UnresolvedReference extends Error {
  constructor(reference: string) {
    super(`The reference {{${reference}}} leads to nothing; the step was not performed.`)
    this.name = 'UnresolvedReference'
  }
}

const referencePattern = /\{\{([^{}]+)\}\}/g
const missing: Resolution = { isFound: false }

/** All references in a text, without their braces. */
export const referencesIn = (text: string): string[] =>
  [...text.matchAll(referencePattern)].map(match => match[1] ?? '')

/** What the text between the braces refers to. */
export function resolveReference(reference: string, outputs: NodeOutputs): Resolution {
  const { output, path } = findOutput(reference.trim(), outputs)
  if (!output) return missing
  // Steps wrap what they give: a trigger and HTTP in `data`, a read in `result`. A path may name the wrapping or leave it out.
  for (const start of [output.data, own(output.data, 'data'), own(output.data, 'result')]) {
    const found = walk(start, path)
    if (found.isFound) return found
  }
  return missing
}

/** The text with every reference put in as it reads. Errors: `UnresolvedReference`. */
export const renderText = (text: string, outputs: NodeOutputs): string =>
  text.replace(referencePattern, (_, reference: string) => plain(need(reference, outputs)))

/**
 * The same for a text that is JSON: inside a string literal a value is escaped, outside one it is written as JSON, so that an array
 * can be spliced in and no value can end the string it stands in. Errors: `UnresolvedReference`.
 */
export function renderJson(text: string, outputs: NodeOutputs): string {
  const whole = /^\s*\{\{([^{}]+)\}\}\s*$/.exec(text)
  if (whole?.[1] !== undefined) return plain(need(whole[1], outputs))
  let rendered = ''
  let isInString = false
  let at = 0
  const copy = (until: number): void => {
    for (; at < until; at++) {
      if (isInString && text[at] === '\\') rendered += text[at++] ?? ''
      else if (text[at] === '"') isInString = !isInString
      rendered += text[at] ?? ''
    }
  }
  for (const match of text.matchAll(referencePattern)) {
    copy(match.index)
    const value = need(match[1] ?? '', outputs)
    rendered += isInString ? JSON.stringify(plain(value)).slice(1, -1) : (JSON.stringify(value) ?? 'null')
    at = match.index + match[0].length
  }
  copy(text.length)
  return rendered
}

function need(reference: string, outputs: NodeOutputs): unknown {
  const found = resolveReference(reference, outputs)
  if (!found.isFound) throw new UnresolvedReference(reference)
  return found.value
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function findOutput(reference: string, outputs: NodeOutputs): { output: NodeOutput | undefined; path: string } {
  if (reference.startsWith('@')) {
    const colon = reference.indexOf(':')
    if (colon < 0) return { output: undefined, path: '' }
    const rest = reference.slice(colon + 1)
    const output = outputs.get(reference.slice(1, colon).trim())
    // A label may itself hold dots.
    if (output && output.label !== '' && rest.startsWith(`${output.label}.`)) {
      return { output, path: rest.slice(output.label.length + 1) }
    }
    return { output, path: afterDot(rest) }
  }
  const dot = reference.indexOf('.')
  const head = (dot < 0 ? reference : reference.slice(0, dot)).trim()
  const path = afterDot(reference)
  if (head.startsWith('$')) return { output: outputs.get(head.slice(1)), path }
  for (const output of outputs.values()) {
    if (output.label.trim().toLowerCase() === head.toLowerCase()) return { output, path }
  }
  return { output: undefined, path }
}

const afterDot = (text: string): string => (text.includes('.') ? text.slice(text.indexOf('.') + 1).trim() : '')

function walk(start: unknown, path: string): Resolution {
  let current = start
  if (current === undefined || current === null) return missing
  if (path === '') return { isFound: true, value: current }
  for (const part of path.split('.')) {
    const steps = /^([^[\]]+)((?:\[\d+\])*)$/.exec(part.trim())
    if (!steps) return missing
    const keys = [steps[1] ?? '', ...[...(steps[2] ?? '').matchAll(/\[(\d+)\]/g)].map(match => match[1] ?? '')]
    for (const key of keys) {
      if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return missing
      current = (current as Record<string, unknown>)[key]
    }
  }
  return { isFound: true, value: current }
}

const own = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
