/** Downloads where an answer's time went, peer by peer: a file for ui.perfetto.dev. */
import { useState } from 'react'
import { saveFile } from '../shell/save-file.ts'
import { useServices } from '../shell/services.ts'

export function TraceButton({ requestId }: { requestId: string }) {
  const { fetchTrace } = useServices()
  const [isBusy, setIsBusy] = useState(false)
  const [words, setWords] = useState('')
  async function download() {
    setIsBusy(true)
    setWords('')
    const answer = await fetchTrace(requestId)
    setIsBusy(false)
    if (answer.kind === 'refused') return setWords(answer.words)
    saveFile(answer.file)
    setWords('Saved. Open it in ui.perfetto.dev or chrome://tracing.')
  }
  return (
    <>
      {/* Not `disabled` while busy: that would throw the keyboard's focus away. */}
      <button
        type="button"
        className="button quiet small"
        data-testid="download-trace"
        aria-disabled={isBusy}
        title="Where its time went, peer by peer: a Chrome trace"
        onClick={() => {
          if (!isBusy) void download()
        }}
      >
        Download trace
      </button>
      <span role="status" className="act-words">
        {words}
      </span>
    </>
  )
}
