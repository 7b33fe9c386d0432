/**
 * The expressions of a Condition node, read by a small parser and never by the host's own: references, literals, comparisons, `!`,
 * `&&`, `||`, brackets and `.length`. A reference to what is not there is undefined, as at KeeperHub; anything else unknown fails.
 */
import { type NodeOutputs, resolveReference } from './template.ts'

type Token = { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'sign'; readonly sign: string }

const tokenPattern =
  /\s*(?:\{\{([^{}]+)\}\}|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?)|(true|false|null|undefined)\b|(\.length)\b|(===|!==|==|!=|<=|>=|<|>|&&|\|\||!|\(|\)))/y
const longestExpression = 2000
const comparisons = new Set(['===', '!==', '==', '!=', '<=', '>=', '<', '>'])

/** Errors: a plain `Error` that tells what cannot be read. */
export function evaluateCondition(expression: string | boolean, outputs: NodeOutputs): boolean {
  if (typeof expression === 'boolean') return expression
  const tokens = tokenise(expression, outputs)
  let at = 0
  const peek = (): string | null => {
    const token = tokens[at]
    return token?.kind === 'sign' ? token.sign : null
  }
  const take = (sign: string): boolean => {
    if (peek() !== sign) return false
    at++
    return true
  }
  const primary = (): unknown => {
    if (take('!')) return !primary()
    let value: unknown
    if (take('(')) {
      value = either()
      if (!take(')')) throw unreadable(expression, 'a bracket is not closed')
    } else {
      const token = tokens[at++]
      if (token?.kind !== 'value') throw unreadable(expression, 'a value is missing')
      value = token.value
    }
    while (take('.length')) value = typeof value === 'string' || Array.isArray(value) ? value.length : undefined
    return value
  }
  const comparison = (): unknown => {
    const left = primary()
    const sign = peek()
    if (sign === null || !comparisons.has(sign)) return left
    at++
    return compare(left, sign, primary())
  }
  const both = (): unknown => {
    let value = comparison()
    while (take('&&')) {
      const right = comparison()
      value = value && right
    }
    return value
  }
  const either = (): unknown => {
    let value = both()
    while (take('||')) {
      const right = both()
      value = value || right
    }
    return value
  }
  const value = either()
  if (at !== tokens.length) throw unreadable(expression, 'something follows its end')
  return Boolean(value)
}

function tokenise(expression: string, outputs: NodeOutputs): Token[] {
  if (expression.length > longestExpression) throw unreadable(expression.slice(0, 60), 'it is too long')
  const tokens: Token[] = []
  const text = expression.trimEnd()
  for (let at = 0; at < text.length; at = tokenPattern.lastIndex) {
    tokenPattern.lastIndex = at
    const match = tokenPattern.exec(text)
    if (!match) throw unreadable(expression, `there is nothing known at character ${at + 1}`)
    const [, reference, quoted, number, word, length, sign] = match
    if (reference !== undefined) {
      const found = resolveReference(reference, outputs)
      tokens.push({ kind: 'value', value: found.isFound ? found.value : undefined })
    } else if (quoted !== undefined) tokens.push({ kind: 'value', value: unquote(quoted) })
    else if (number !== undefined) tokens.push({ kind: 'value', value: numeric(number) })
    else if (word !== undefined) tokens.push({ kind: 'value', value: words[word as keyof typeof words] })
    else tokens.push({ kind: 'sign', sign: length ?? sign ?? '' })
  }
  return tokens
}

const words = { true: true, false: false, null: null, undefined: undefined }
const unquote = (quoted: string): string => quoted.slice(1, -1).replace(/\\(.)/g, '$1')

/** Integers compare as integers of any size: a balance in wei is past what a number holds. */
const numeric = (text: string): number | bigint => (text.includes('.') ? Number(text) : BigInt(text))
const asNumber = (value: unknown): number | bigint | null => {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? numeric(value) : null
}

function compare(left: unknown, sign: string, right: unknown): boolean {
  if (sign === '===' || sign === '!==') return isSame(left, right) === (sign === '===')
  const [a, b] = [asNumber(left), asNumber(right)]
  const isEqual = a !== null && b !== null ? isEqualNumber(a, b) : isSame(left, right)
  if (sign === '==') return isEqual || (isNothing(left) && isNothing(right))
  if (sign === '!=') return !(isEqual || (isNothing(left) && isNothing(right)))
  if (a === null || b === null) return false
  if (sign === '<') return a < b
  if (sign === '>') return a > b
  return sign === '<=' ? a <= b : a >= b
}

const isNothing = (value: unknown): boolean => value === null || value === undefined
const isSame = (left: unknown, right: unknown): boolean => {
  const isMixed =
    typeof left === 'bigint' ? typeof right === 'number' : typeof right === 'bigint' && typeof left === 'number'
  return isMixed ? isEqualNumber(asNumber(left), asNumber(right)) : left === right
}
const isEqualNumber = (a: number | bigint | null, b: number | bigint | null): boolean =>
  typeof a === typeof b ? a === b : Number(a) === Number(b)

const unreadable = (expression: string, why: string): Error =>
  new Error(`The condition "${expression}" cannot be read: ${why}.`)
