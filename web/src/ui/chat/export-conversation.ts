/** A conversation as a file: JSON for programs, Markdown for people. Pure; the download itself is the component's. */
import type { SavedFile } from '../shell/save-file.ts'
import type { Conversation } from './conversation.ts'

export function exportAsJson(conversation: Conversation): SavedFile {
  return {
    name: `${fileName(conversation)}.json`,
    type: 'application/json',
    text: `${JSON.stringify(conversation, null, 2)}\n`,
  }
}

export function exportAsMarkdown(conversation: Conversation): SavedFile {
  const turns = conversation.messages.map(({ role, content, model, status }) => {
    const speaker = role === 'user' ? 'You' : (model ?? 'Model')
    const note = status === 'stopped' ? '\n\n_(stopped)_' : status === 'failed' ? '\n\n_(failed)_' : ''
    return `## ${speaker}\n\n${content}${note}\n`
  })
  return {
    name: `${fileName(conversation)}.md`,
    type: 'text/markdown',
    text: `# ${conversation.title}\n\n${turns.join('\n')}`,
  }
}

function fileName({ title }: Conversation): string {
  const name = title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  return name === '' ? 'conversation' : name.slice(0, 60)
}
