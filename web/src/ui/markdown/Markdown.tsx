/**
 * Markdown as React elements. marked only lexes; nothing is ever set as HTML, so what a model writes cannot become markup. Raw HTML
 * shows as the text it is; images show as links, because the page makes no request to anybody else.
 */
import { lexer, type Token, type Tokens } from 'marked'
import { Fragment, memo, type ReactNode } from 'react'
import { ScrollRegion } from '../shell/ScrollRegion.tsx'
import { CodeBlock } from './CodeBlock.tsx'
import { safeHref } from './safe-href.ts'

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return <div className="markdown">{blocks(lexer(text))}</div>
})

function blocks(tokens: readonly Token[]): ReactNode[] {
  // Tokens only grow at the end while text streams, so the index is a stable key.
  return tokens.map((token, index) => block(token as MarkedToken, `${index}`))
}

type MarkedToken =
  | Tokens.Heading
  | Tokens.Paragraph
  | Tokens.Code
  | Tokens.List
  | Tokens.Blockquote
  | Tokens.Table
  | Tokens.Hr
  | Tokens.Space
  | Tokens.Text
  | Tokens.HTML

function block(token: MarkedToken, key: string): ReactNode {
  switch (token.type) {
    case 'space':
      return null
    case 'heading': {
      // The page's own headings are h1 and h2: an answer starts below them.
      const Tag = `h${Math.min(6, token.depth + 2)}` as 'h3'
      return <Tag key={key}>{inline(token.tokens)}</Tag>
    }
    case 'paragraph':
      return <p key={key}>{inline(token.tokens)}</p>
    case 'code':
      return <CodeBlock key={key} language={token.lang ?? ''} code={token.text} />
    case 'list':
      return <List key={key} list={token as Tokens.List} />
    case 'blockquote':
      return <blockquote key={key}>{blocks(token.tokens ?? [])}</blockquote>
    case 'table':
      return <Table key={key} table={token as Tokens.Table} />
    case 'hr':
      return <hr key={key} />
    case 'text':
      return <Fragment key={key}>{textOf(token)}</Fragment>
    default:
      return <p key={key}>{token.raw}</p>
  }
}

function List({ list }: { list: Tokens.List }) {
  const items = list.items.map((item, index) => {
    const key = `${index}`
    return (
      <li key={key}>
        {item.task ? <input type="checkbox" checked={item.checked ?? false} readOnly disabled /> : null}
        {blocks(item.tokens)}
      </li>
    )
  })
  return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>
}

function Table({ table }: { table: Tokens.Table }) {
  const cells = (row: readonly Tokens.TableCell[], Tag: 'td' | 'th') =>
    row.map((cell, index) => {
      const key = `${index}`
      return <Tag key={key}>{inline(cell.tokens)}</Tag>
    })
  return (
    <ScrollRegion label="Table">
      <table>
        <thead>
          <tr>{cells(table.header, 'th')}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => {
            const key = `${index}`
            return <tr key={key}>{cells(row, 'td')}</tr>
          })}
        </tbody>
      </table>
    </ScrollRegion>
  )
}

function inline(tokens: readonly Token[] = []): ReactNode[] {
  return tokens.map((token, index) => {
    const key = `${index}`
    switch (token.type) {
      case 'strong':
        return <strong key={key}>{inline(token.tokens)}</strong>
      case 'em':
        return <em key={key}>{inline(token.tokens)}</em>
      case 'del':
        return <del key={key}>{inline(token.tokens)}</del>
      case 'codespan':
        return <code key={key}>{token.text}</code>
      case 'br':
        return <br key={key} />
      case 'link':
      case 'image':
        return link(token as Tokens.Link | Tokens.Image, key)
      case 'text':
      case 'escape':
        return <Fragment key={key}>{textOf(token as Tokens.Text | Tokens.Escape)}</Fragment>
      default:
        return <span key={key}>{token.raw}</span>
    }
  })
}

function textOf(token: Tokens.Text | Tokens.Escape): ReactNode {
  return 'tokens' in token && token.tokens ? inline(token.tokens) : unescapeText(token.text)
}

function link(token: Tokens.Link | Tokens.Image, key: string): ReactNode {
  const href = safeHref(token.href)
  const content = token.type === 'link' ? inline(token.tokens) : token.text || token.href
  if (href === null) return <span key={key}>{content}</span>
  return (
    <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow">
      {content}
    </a>
  )
}

/** marked leaves text as written; React escapes it once more on its own, so nothing is to be undone but entities. */
function unescapeText(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}
