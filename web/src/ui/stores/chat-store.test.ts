import { expect, test } from 'vitest'
import { countIds, createMemoryArchive } from '../testing/fake-services.ts'
import { createScriptedStream } from '../testing/scripted-stream.ts'
import { createChatStore } from './chat-store.ts'

const figures = { tokens: 2, tokensPerSecond: 40, timeToFirstTokenMs: 90, directHops: 4, finishReason: 'stop' }

function setUp() {
  const stream = createScriptedStream()
  const archive = createMemoryArchive()
  const kept: unknown[] = []
  const store = createChatStore({
    archive,
    stream: stream.open,
    keepSettings: settings => kept.push(settings),
    now: countIds(Number),
    newId: countIds(),
  })
  const current = () => store.getSnapshot().conversations.find(({ id }) => id === store.getSnapshot().currentId)
  const contents = () => current()?.messages.map(message => `${message.role}: ${message.content}`)
  return { stream, archive, kept, store, current, contents }
}

test('an answer grows as it streams, and ends with its figures', async () => {
  const { stream, store, current, contents } = setUp()
  store.send('demo', 'Hello')
  await stream.push({ type: 'text', text: 'Good ' })
  expect(contents()).toEqual(['user: Hello', 'assistant: Good '])
  expect(store.getSnapshot().streaming?.conversationId).toBe(current()?.id)
  await stream.push({ type: 'text', text: 'day.' })
  await stream.push({ type: 'finished', figures })
  await stream.end()
  expect(current()?.messages[1]).toMatchObject({ content: 'Good day.', status: 'done', figures, model: 'demo' })
  expect(store.getSnapshot().streaming).toBeNull()
})

test('stopping aborts the request and keeps what came', async () => {
  const { stream, store, current } = setUp()
  store.send('demo', 'Hello')
  await stream.push({ type: 'text', text: 'Good ' })
  store.stop()
  expect(stream.aborted).toEqual([true])
  await stream.push({ type: 'text', text: 'too late' })
  expect(current()?.messages[1]).toMatchObject({ content: 'Good ', status: 'stopped' })
})

test('a second question waits for the first answer', async () => {
  const { stream, store, contents } = setUp()
  store.send('demo', 'One')
  store.send('demo', 'Two')
  expect(stream.requests).toHaveLength(1)
  expect(contents()).toEqual(['user: One', 'assistant: '])
})

test('regenerating sends the same question without the old answer', async () => {
  const { stream, store, current, contents } = setUp()
  store.send('demo', 'Hello')
  await stream.push({ type: 'text', text: 'First' })
  await stream.end()
  store.regenerate('demo', current()!.messages[1]!.id)
  await stream.push({ type: 'text', text: 'Second' })
  expect(stream.requests[1]?.messages).toEqual([{ role: 'user', content: 'Hello' }])
  expect(contents()).toEqual(['user: Hello', 'assistant: Second'])
})

test('regenerating while it streams leaves one answer, the new one', async () => {
  const { stream, store, current, contents } = setUp()
  store.send('demo', 'Hello')
  await stream.push({ type: 'text', text: 'First' })
  store.regenerate('demo', current()!.messages[1]!.id)
  await stream.push({ type: 'text', text: 'Second' })
  await stream.push({ type: 'finished', figures })
  await stream.end()
  expect(stream.aborted).toEqual([true, false])
  expect(contents()).toEqual(['user: Hello', 'assistant: Second'])
  expect(store.getSnapshot().streaming).toBeNull()
})

test('an edited question replaces the old one and what followed', async () => {
  const { stream, store, current, contents } = setUp()
  store.send('demo', 'One')
  await stream.push({ type: 'text', text: 'first' })
  await stream.end()
  store.send('demo', 'Two')
  await stream.end()
  store.editAndResend('demo', current()!.messages[0]!.id, 'One, better')
  await stream.push({ type: 'text', text: 'again' })
  expect(contents()).toEqual(['user: One, better', 'assistant: again'])
})

test('a refusal stays with the answer it belongs to', async () => {
  const { stream, store, current } = setUp()
  const error = { code: 'swarm_layers_missing', message: 'Layers 4–5 are missing.', retryAfterSeconds: 5 }
  store.send('demo', 'Hello')
  await stream.push({ type: 'failed', error })
  await stream.end()
  expect(current()?.messages[1]).toMatchObject({ status: 'failed', error })
})

test('conversations are kept, renamed, and removed for good', async () => {
  const { stream, archive, store, current } = setUp()
  store.send('demo', 'Hello')
  await stream.push({ type: 'text', text: 'Good day.' })
  await stream.end()
  const { id } = current()!
  store.rename(id, 'Greetings')
  expect(archive.records.get(id)).toMatchObject({ title: 'Greetings', messages: [{}, { content: 'Good day.' }] })
  store.remove(id)
  expect(archive.records.size).toBe(0)
  expect(store.getSnapshot()).toMatchObject({ conversations: [], currentId: null })
})

test('removing the conversation that streams stops it', async () => {
  const { stream, store, current } = setUp()
  store.send('demo', 'Hello')
  store.remove(current()!.id)
  expect(stream.aborted).toEqual([true])
  expect(store.getSnapshot()).toMatchObject({ conversations: [], streaming: null })
})

test('loading brings back what was kept without losing what was begun meanwhile', async () => {
  const { stream, archive, store } = setUp()
  archive.records.set('old', { id: 'old', title: 'Old', isRenamed: false, updatedAt: 0, messages: [] })
  store.send('demo', 'Hello')
  await store.load()
  await stream.end()
  expect(store.getSnapshot().conversations.map(({ title }) => title)).toEqual(['Hello', 'Old'])
  expect(store.getSnapshot().status).toBe('ready')
})

test('a disk that refuses is owned up to', async () => {
  const { archive, store, stream } = setUp()
  archive.save = async () => {
    throw new Error('full')
  }
  store.send('demo', 'Hello')
  await stream.end()
  expect(store.getSnapshot().isLasting).toBe(false)
})

test('sampling goes with the next request, and is kept', async () => {
  const { stream, kept, store } = setUp()
  const settings = { temperature: 0, maxTokens: 64, seed: null, trustedEnds: true }
  store.changeSettings(settings)
  store.send('demo', 'Hello')
  expect(stream.requests[0]).toEqual({
    model: 'demo',
    messages: [{ role: 'user', content: 'Hello' }],
    temperature: 0,
    max_tokens: 64,
    computepool: { trusted: true },
  })
  expect(kept).toEqual([settings])
})
