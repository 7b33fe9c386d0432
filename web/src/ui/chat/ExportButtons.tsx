/** Hands a conversation over as a file; nothing leaves the browser. */
import type { Conversation } from './conversation.ts'
import { type ExportedFile, exportAsJson, exportAsMarkdown } from './export-conversation.ts'

export function ExportButtons({ conversation }: { conversation: Conversation }) {
  return (
    <span className="acts">
      <button type="button" className="button quiet small" onClick={() => download(exportAsMarkdown(conversation))}>
        Save .md
      </button>
      <button type="button" className="button quiet small" onClick={() => download(exportAsJson(conversation))}>
        Save .json
      </button>
    </span>
  )
}

function download({ name, type, text }: ExportedFile): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
