/** The API for a developer: address, one line to try it, models, errors, limits. Everything shown works as it stands. */
import { useEffect } from 'react'
import { CodeBlock } from '../markdown/CodeBlock.tsx'
import { Link } from '../router/Link.tsx'
import { CopyButton } from '../shell/CopyButton.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { ErrorTable } from './ErrorTable.tsx'
import { KeyHint } from './KeyHint.tsx'
import { Limits } from './Limits.tsx'
import { snippetsFor } from './snippets.ts'

export function DocsPage() {
  const { models: modelsStore, pool: poolStore, terms: termsStore } = useServices()
  const models = useStore(modelsStore)
  const { pool } = useStore(poolStore)
  useEffect(() => modelsStore.load(), [modelsStore])
  const isPaid = useStore(termsStore).status === 'paid'
  const baseUrl = `${window.location.origin}/v1`
  const model = models.ids[0] ?? pool?.model ?? 'MODEL'
  return (
    <div className="docs">
      <h1 tabIndex={-1}>An OpenAI endpoint, computed by tabs</h1>
      <section className="stack" aria-labelledby="base">
        <h2 id="base">Base URL</h2>
        <p className="base-url">
          <code data-testid="base-url">{baseUrl}</code>
          <CopyButton text={baseUrl} label="Copy the base URL" />
        </p>
        <KeyHint />
      </section>
      <section className="stack" aria-labelledby="try">
        <h2 id="try">Try it</h2>
        {pool !== null && pool.status !== 'ready' ? (
          <p className="notice">
            Right now these answer 503: {pool.explanation} <Link to="/operate">Hold layers with this browser</Link>
          </p>
        ) : null}
        {snippetsFor({ baseUrl, model, ...(isPaid ? { apiKey: 'SESSION_TOKEN' } : {}) }).map(
          ({ language, before, code }) => (
            <div key={language} className="stack snippet">
              {before === '' ? null : (
                <p className="hint">
                  {language}, after <code>{before}</code>
                </p>
              )}
              <CodeBlock language={language} code={code} />
            </div>
          ),
        )}
      </section>
      <section className="stack" aria-labelledby="models">
        <h2 id="models">Models</h2>
        {models.status === 'failed' ? (
          <p className="notice">
            <code>/v1/models</code> did not answer.{' '}
            <button type="button" className="button small" onClick={() => modelsStore.load()}>
              Ask again
            </button>
          </p>
        ) : (
          <ul className="models" data-testid="models">
            {models.ids.map(id => (
              <li key={id}>
                <code>{id}</code>
                <CopyButton text={id} label={`Copy ${id}`} />
                {pool?.model === id ? (
                  <span className="hint">
                    {pool.layers} layers, context {pool.context.toLocaleString('en-US')} tokens
                  </span>
                ) : null}
              </li>
            ))}
          </ul>
        )}
      </section>
      <ErrorTable />
      <Limits />
    </div>
  )
}
