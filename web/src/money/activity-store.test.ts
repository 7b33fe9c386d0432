import { bigintAsString } from '@computepool/shared/money'
import { expect, test } from 'vitest'
import { sampleSession } from '../ui/testing/sample-money.ts'
import { createActivityStore, takeTokenFromAddress } from './activity-store.ts'

const settle = () => new Promise<void>(resolve => setTimeout(resolve, 0))
const bodies: Readonly<Record<string, unknown>> = {
  '/api/activity/sessions': { sessions: [sampleSession()] },
  '/api/activity/runs': { runs: [] },
  '/api/activity/findings': { lastCheckAtMs: 5, findings: [] },
  '/api/activity/runs/run%2F1': {
    run: {
      executionId: 'run/1',
      workflow: 'stream-stop',
      status: 'success',
      sessionId: null,
      startedAtMs: 1,
      completedAtMs: 2,
      transactionHashes: [],
      error: null,
    },
    logs: [],
  },
}

/** `fails` gives the status of a path that the server cannot answer. */
function open(kept = new Map<string, string>(), fails: (path: string) => number | null = () => null) {
  const asked: string[] = []
  const store = createActivityStore({
    fetch: async (path, init) => {
      const bearer = new Headers(init?.headers).get('authorization')
      asked.push(`${path} ${bearer}`)
      if (bearer !== 'Bearer right') return new Response('{}', { status: 401 })
      const failure = fails(path)
      if (failure !== null) return new Response('{}', { status: failure })
      return new Response(JSON.stringify(bodies[path], bigintAsString), { status: path in bodies ? 200 : 404 })
    },
    storage: {
      getItem: key => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: key => void kept.delete(key),
    },
  })
  return { store, asked, kept }
}

test('nothing is asked without a token', async () => {
  const { store, asked } = open()
  await store.refresh()
  expect(asked).toEqual([])
  expect(store.getSnapshot().status).toBe('locked')
})

test('the right token shows everything, and lasts as long as the tab', async () => {
  const { store, kept } = open()
  store.signIn('  right ')
  await settle()
  expect(store.getSnapshot()).toMatchObject({ status: 'known', lastCheckAtMs: 5, sessions: [sampleSession()] })
  expect([...kept.values()]).toEqual(['right'])
  expect(open(kept).store.getSnapshot().status).toBe('asking')
  store.signOut()
  expect(store.getSnapshot()).toMatchObject({ status: 'locked', sessions: [] })
  expect(kept.size).toBe(0)
})

test('a wrong token is forgotten, with what to do', async () => {
  const { store, kept } = open()
  store.signIn('wrong')
  await settle()
  expect(store.getSnapshot()).toMatchObject({
    status: 'locked',
    error: { code: 'peer_unauthenticated', remedy: expect.stringContaining('token') },
  })
  expect(kept.size).toBe(0)
})

test('logs are asked for run by run; a run that is gone keeps the rest on the page', async () => {
  const { store } = open()
  store.signIn('right')
  await settle()
  await store.openRun('run/1')
  expect(store.getSnapshot().logs.get('run/1')).toEqual({ status: 'known', logs: [] })
  await store.openRun('gone')
  expect(store.getSnapshot()).toMatchObject({ status: 'known', sessions: [sampleSession()] })
  expect(store.getSnapshot().logs.get('gone')?.status).toBe('failed')
})

test('a first reading that fails is not taken for an empty one, and is asked again', async () => {
  let isDown = true
  const { store } = open(new Map(), path => (isDown && path.endsWith('findings') ? 500 : null))
  store.signIn('right')
  await settle()
  expect(store.getSnapshot()).toMatchObject({
    status: 'failed',
    lastCheckAtMs: null,
    error: { context: { httpStatus: 500 } },
  })
  isDown = false
  await store.refresh()
  expect(store.getSnapshot()).toMatchObject({ status: 'known', lastCheckAtMs: 5, error: null })
  isDown = true
  await store.refresh()
  expect(store.getSnapshot()).toMatchObject({ status: 'known', lastCheckAtMs: 5, sessions: [sampleSession()] })
  expect(store.getSnapshot().error).not.toBeNull()
})

test('logs that come after their owner signed out are nobody’s', async () => {
  const { store } = open()
  store.signIn('right')
  await settle()
  const opening = store.openRun('run/1')
  store.signOut()
  await opening
  expect(store.getSnapshot()).toMatchObject({ status: 'locked', error: null })
  expect(store.getSnapshot().logs.size).toBe(0)
})

test('the refusal of an old token leaves the new one signed in', async () => {
  const { store, kept } = open(new Map([['computepool.owner', 'old']]))
  const opening = store.openRun('run/1')
  store.signIn('right')
  await opening
  await settle()
  expect(store.getSnapshot()).toMatchObject({ status: 'known', error: null })
  expect(store.getSnapshot().logs.size).toBe(0)
  expect([...kept.values()]).toEqual(['right'])
})

test('a token in the address is taken out of it', () => {
  const replaced: string[] = []
  const history = { state: null, replaceState: (_state: unknown, _title: string, url: string) => replaced.push(url) }
  const at = (hash: string) =>
    takeTokenFromAddress({ location: { hash, pathname: '/activity', search: '?a=1' }, history } as never)
  expect(at('#token=s3cret')).toBe('s3cret')
  expect(replaced).toEqual(['/activity?a=1'])
  expect(at('#findings')).toBeNull()
  expect(replaced).toHaveLength(1)
})
