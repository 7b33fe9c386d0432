/** A block of code with its language and a copy button; it scrolls by itself when a line is long. */
import { CopyButton } from '../shell/CopyButton.tsx'

export function CodeBlock({ language, code }: { language: string; code: string }) {
  const name = language === '' ? 'code' : language
  return (
    <figure className="code-block">
      <figcaption>
        <span>{name}</span>
        <CopyButton text={code} label={`Copy ${name}`} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll, and a keyboard must be able to scroll them */}
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </figure>
  )
}
