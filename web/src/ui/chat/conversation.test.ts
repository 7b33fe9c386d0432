import { expect, test } from 'vitest'
import { completeSentences } from './complete-sentences.ts'
import {
  appendMessages,
  changeMessage,
  cutBefore,
  emptyAnswer,
  newConversation,
  promptOf,
  question,
  rename,
  settle,
} from './conversation.ts'
import { parseRecords } from './conversation-archive.ts'
import { exportAsJson, exportAsMarkdown } from './export-conversation.ts'

const begun = appendMessages(newConversation('c', 1), [question('q1', 'What is a\nring?')], 2)
const answered = appendMessages(begun, [{ ...emptyAnswer('a1', 'demo'), content: 'A circle.', status: 'done' }], 3)

test('the first question names the conversation, until somebody else does', () => {
  expect(begun.title).toBe('What is a ring?')
  const named = rename(begun, '  Rings ')
  expect(appendMessages(named, [question('q2', 'And a hop?')], 4).title).toBe('Rings')
  expect(rename(named, ' ').title).toBe('What is a ring?')
})

test('a long first question is cut to a title', () => {
  const long = appendMessages(newConversation('c', 1), [question('q', 'word '.repeat(40))], 2)
  expect(long.title.length).toBeLessThanOrEqual(60)
  expect(long.title.endsWith('…')).toBe(true)
})

test('cutting drops the message and all after it, and nothing where it is unknown', () => {
  expect(cutBefore(answered, 'a1').messages.map(message => message.id)).toEqual(['q1'])
  expect(cutBefore(answered, 'q1').messages).toEqual([])
  expect(cutBefore(answered, 'nowhere')).toBe(answered)
})

test('only one message changes', () => {
  const changed = changeMessage(answered, 'a1', message => ({ ...message, content: 'An oval.' }))
  expect(changed.messages.map(message => message.content)).toEqual(['What is a\nring?', 'An oval.'])
  expect(changed.messages[0]).toBe(answered.messages[0])
})

test('an answer without text is not sent back to the model', () => {
  const failed = appendMessages(begun, [{ ...emptyAnswer('a1', 'demo'), status: 'failed' }], 3)
  expect(promptOf(failed.messages)).toEqual([{ role: 'user', content: 'What is a\nring?' }])
})

test('an answer that was streaming when the page closed comes back as stopped', () => {
  const left = appendMessages(begun, [{ ...emptyAnswer('a1', 'demo'), content: 'A cir' }], 3)
  expect(settle(left).messages[1]).toMatchObject({ status: 'stopped', content: 'A cir' })
  expect(parseRecords([left])[0]?.messages[1]?.status).toBe('stopped')
})

test('the archive leaves out what it cannot read, and brings the newest first', () => {
  const other = { ...newConversation('d', 9), title: 'Later' }
  expect(parseRecords([answered, { id: 5 }, null, other]).map(conversation => conversation.id)).toEqual(['d', 'c'])
})

test('an export reads back, and reads well', () => {
  expect(JSON.parse(exportAsJson(answered).text)).toEqual(answered)
  expect(exportAsMarkdown(answered)).toEqual({
    name: 'what-is-a-ring.md',
    type: 'text/markdown',
    text: '# What is a ring?\n\n## You\n\nWhat is a\nring?\n\n## demo\n\nA circle.\n',
  })
})

test('only sentences that are over are read out', () => {
  expect(completeSentences('One. Two! Thr')).toEqual(['One.', 'Two!'])
  expect(completeSentences('- item\n- next')).toEqual(['- item'])
  expect(completeSentences('3.1')).toEqual([])
})
