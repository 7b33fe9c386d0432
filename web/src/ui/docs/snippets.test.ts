import { expect, test } from 'vitest'
import { snippetsFor } from './snippets.ts'

const [curl, python, typescript] = snippetsFor({ baseUrl: 'http://localhost:8080/v1', model: "o'model" })

test('each language fits on one line and names the address', () => {
  for (const { code } of [curl!, python!, typescript!]) {
    expect(code).not.toContain('\n')
    expect(code).toContain('http://localhost:8080/v1')
  }
})

test('a shell reads back the JSON that curl sends', () => {
  const quoted = curl!.code.slice(curl!.code.indexOf("-d '") + 4, -1)
  expect(JSON.parse(quoted.replaceAll("'\\''", "'"))).toMatchObject({ model: "o'model", stream: true })
})

test('the TypeScript line is TypeScript', () => {
  const body = typescript!.code.replace(/^import [^;]+;/, '')
  expect(() => new Function(`return async () => {${body}}`)).not.toThrow()
})
