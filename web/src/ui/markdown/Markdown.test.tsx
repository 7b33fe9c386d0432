// @vitest-environment happy-dom
import { cleanup, render } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { Markdown } from './Markdown.tsx'

afterEach(cleanup)

function html(text: string): string {
  return render(<Markdown text={text} />).container.innerHTML
}

test('what a model writes never becomes markup', () => {
  const drawn = html('<img src=x onerror=alert(1)> and <script>alert(1)</script>\n\n<div onclick="x">block</div>')
  expect(drawn).not.toMatch(/<(img|script|div onclick)/)
  expect(drawn).toContain('&lt;script&gt;')
})

test('only harmless addresses become links, and images are not fetched', () => {
  const drawn = html(
    '[a](javascript:alert(1)) [b](https://example.org) ![c](https://example.org/c.png) [d](data:text/html,x)',
  )
  expect(drawn.match(/href="[^"]*"/g)).toEqual(['href="https://example.org"', 'href="https://example.org/c.png"'])
  expect(drawn).not.toContain('<img')
})

test('lists, code, tables and emphasis are drawn', () => {
  const drawn = html('1. one\n2. **two**\n\n```ts\nconst a = 1 < 2\n```\n\n| a | b |\n|---|---|\n| 1 | `x` |')
  expect(drawn).toContain('<ol start="1"')
  expect(drawn).toContain('<strong>')
  expect(drawn).toContain('const a = 1 &lt; 2')
  expect(drawn).toContain('<td><code>x</code></td>')
})

test('characters are shown as they were written', () => {
  expect(render(<Markdown text={'5 < 6 & "so" it\'s'} />).container.textContent).toBe('5 < 6 & "so" it\'s')
})

test('a block of code that is still open is drawn as code', () => {
  expect(html('```js\nlet a')).toContain('<pre')
})
