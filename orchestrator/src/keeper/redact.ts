/** Blanks secrets in what the keeper stores and tells: by the name of the field, and by value wherever else it turns up. */

const secretWord = /(^|[-_.])(token|secret|password|authorization|api[-_]?key|signature)$/i
// As structs of contracts name them: until it is on the chain, a signature is money to whoever reads it.
const secretField = /[a-z]Signature$/
const isSecret = (name: string): boolean => secretWord.test(name) || secretField.test(name)
const blank = '•••'
const shortestSecret = 8

/** Values of fields whose names say that they are secret. */
export function secretsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' ? (isSecret(key) && inner.length >= shortestSecret ? [inner] : []) : secretsIn(inner),
  )
}

/** A copy without secrets. `secrets` are values to blank wherever they stand. */
export function redact(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return secrets.reduce((text, secret) => text.replaceAll(secret, blank), value)
  if (Array.isArray(value)) return value.map(item => redact(item, secrets))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      typeof inner === 'string' && inner !== '' && isSecret(key) ? blank : redact(inner, secrets),
    ]),
  )
}
