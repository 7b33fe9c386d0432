/** For the owner: opens the newest version here, and writes the next one with another prompt. Sealed before it leaves the page. */
import type { PoolIntelligence } from '@computepool/shared/inft'
import { type FormEvent, useId, useState } from 'react'
import { isRunning } from '../../inft/acts-store.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { ActProgress } from './ActProgress.tsx'
import { IntelligenceView } from './IntelligenceView.tsx'

export function VersionForm({ obstacle }: { obstacle: string | null }) {
  const { acts } = useServices()
  const { act, opened } = useStore(acts)
  const isBusy = isRunning(act)
  const newest = opened?.of === 'newest' ? opened.intelligence : null
  return (
    <section className="stack" aria-labelledby="write-version">
      <h2 id="write-version">Write a new version</h2>
      {newest === null ? (
        <>
          <p>
            First open the newest one: your wallet signs a fixed text, from which the key to it is derived. Key and
            content stay in this page.
          </p>
          <button
            type="button"
            className="button act-button"
            data-testid="open-newest"
            disabled={isBusy || obstacle !== null}
            onClick={() => void acts.openNewest()}
          >
            Open the newest version
          </button>
        </>
      ) : (
        <>
          <IntelligenceView intelligence={newest} testId="newest" />
          <PromptForm key={newest.systemPrompt} newest={newest} isBusy={isBusy || obstacle !== null} />
        </>
      )}
      <ActProgress kinds={['open', 'write']} />
    </section>
  )
}

function PromptForm({ newest, isBusy }: { newest: PoolIntelligence; isBusy: boolean }) {
  const { acts } = useServices()
  const [prompt, setPrompt] = useState(newest.systemPrompt)
  const promptId = useId()
  const hintId = useId()
  function submit(event: FormEvent) {
    event.preventDefault()
    void acts.write({ ...newest, systemPrompt: prompt })
  }
  return (
    <form className="stack" data-testid="version-form" onSubmit={submit}>
      <div className="field">
        <label className="field-head" htmlFor={promptId}>
          Private prompt of the next version
        </label>
        <textarea
          id={promptId}
          rows={5}
          data-testid="next-prompt"
          value={prompt}
          maxLength={32_768}
          onChange={event => setPrompt(event.target.value)}
        />
      </div>
      <button
        type="submit"
        className="button primary act-button"
        data-testid="write"
        disabled={isBusy || prompt === newest.systemPrompt}
        aria-describedby={hintId}
      >
        Seal and write it
      </button>
      <p id={hintId} className="hint">
        Sealed here under a fresh key; the server stores bytes that it cannot read, and your wallet puts their root on
        the chain. A pool that runs keeps the prompt that it was started with until its owner starts it with the new
        one.
      </p>
    </form>
  )
}
