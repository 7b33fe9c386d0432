/** Hands a conversation over as a file; nothing leaves the browser. */

import { saveFile } from '../shell/save-file.ts'
import type { Conversation } from './conversation.ts'
import { exportAsJson, exportAsMarkdown } from './export-conversation.ts'

export function ExportButtons({ conversation }: { conversation: Conversation }) {
  return (
    <span className="acts">
      <button type="button" className="button quiet small" onClick={() => saveFile(exportAsMarkdown(conversation))}>
        Save .md
      </button>
      <button type="button" className="button quiet small" onClick={() => saveFile(exportAsJson(conversation))}>
        Save .json
      </button>
    </span>
  )
}
