// @vitest-environment happy-dom
import { ComputePoolError } from '@computepool/shared/errors'
import { bigintAsString, type Finding, type MoneyTerms, type RunLog, type WorkflowRun } from '@computepool/shared/money'
import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test } from 'vitest'
import { createFakeMoney, type FakeMoney } from '../testing/fake-money.ts'
import { renderPage } from '../testing/render-page.tsx'
import { sampleSession, sampleTerms } from '../testing/sample-money.ts'
import { sumSessions } from './sum-sessions.ts'

afterEach(cleanup)

const plain = (element: HTMLElement) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))

const sessions = [
  sampleSession({
    spentAtomic: 100_000n,
    refundableAtomic: 400_000n,
    bufferAtomic: 60_000n,
    runningRequests: 1,
    status: 'streaming',
  }),
  sampleSession({ id: `0x${'e'.repeat(64)}`, status: 'closed', spentAtomic: 1n, refundableAtomic: 499_999n }),
  sampleSession({ id: `0x${'f'.repeat(64)}`, status: 'refused' }),
]
const run: WorkflowRun = {
  executionId: 'run-1',
  workflow: 'stream-stop',
  status: 'error',
  sessionId: sessions[0]?.id ?? null,
  startedAtMs: 1_700_000_000_000,
  completedAtMs: 1_700_000_001_500,
  transactionHashes: [`0x${'c'.repeat(64)}`],
  error: 'The vault refused: Superseded.',
}
const log: RunLog = {
  nodeId: 'n1',
  nodeName: 'Close the session',
  nodeType: 'web3/write-contract',
  status: 'error',
  input: { epoch: 3 },
  output: { revert: 'Superseded' },
  error: 'Superseded',
  startedAtMs: 1,
  durationMs: 840,
}
const finding = (change: Partial<Finding>): Finding => ({
  id: 1,
  atMs: 1_700_000_000_000,
  status: 'ok',
  check: 'rates',
  message: 'Σ live rates = chain rate.',
  remedy: '',
  sessionId: null,
  ...change,
})
const findings = [
  finding({ id: 1 }),
  finding({ id: 2, status: 'repaired', check: 'outbox', message: 'A run was lost; it was sent again.' }),
  finding({ id: 3, status: 'open', check: 'reserve', message: 'The reserve is short.', remedy: 'Deposit 5 USDC.' }),
]

interface Given {
  readonly sessions?: unknown
  readonly runs?: unknown
  readonly findings?: unknown
  readonly lastCheckAtMs?: number | null
  readonly arrange?: (money: FakeMoney) => void
}

async function open(given: Given = {}) {
  const { lastCheckAtMs = 1_700_000_000_000 } = given
  const bodies: Record<string, unknown> = {
    sessions: { sessions: given.sessions ?? sessions },
    runs: { runs: given.runs ?? [run] },
    findings: { lastCheckAtMs, findings: given.findings ?? findings },
    'runs/run-1': { run, logs: [log] },
  }
  const asked: string[] = []
  const money = createFakeMoney({
    async activityFetch(path, init) {
      const name = path.replace('/api/activity/', '')
      asked.push(name)
      const isOwner = new Headers(init?.headers).get('authorization') === 'Bearer owner'
      return new Response(JSON.stringify(isOwner ? bodies[name] : {}, bigintAsString), { status: isOwner ? 200 : 401 })
    },
  })
  given.arrange?.(money)
  renderPage('/activity', { money })
  const input = await screen.findByTestId('owner-token')
  const signIn = async (token: string) => {
    fireEvent.change(input, { target: { value: token } })
    fireEvent.click(screen.getByTestId('owner-sign-in'))
    await settle()
  }
  return { asked, bodies, signIn }
}

const violations = async () => {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

test('nothing is shown without the owner’s token; a wrong one is said to be wrong', async () => {
  const { signIn, asked } = await open()
  expect(asked).toEqual([])
  expect(await violations()).toEqual([])
  await signIn('thief')
  expect(screen.getByTestId('error').dataset.code).toBe('peer_unauthenticated')
  expect(screen.queryByTestId('session-row')).toBeNull()
  expect(screen.getByTestId('owner-token')).toBeTruthy()
})

test('sessions show where every cent is, and add up', async () => {
  const { signIn } = await open()
  await signIn('owner')
  expect(screen.getAllByTestId('session-row').map(({ dataset }) => dataset.status)).toEqual([
    'streaming',
    'closed',
    'refused',
  ])
  expect(plain(screen.getByTestId('session-sums'))).toBe(
    'Of 1.00 test USDC paid in: 0.100001 test USDC spent, 0.499999 test USDC sent back, ' +
      '0.40 test USDC held for payers whose sessions are open. 0.06 test USDC of the reserve is locked as buffer.',
  )
  const { capAtomic, spentAtomic, refundedAtomic, heldAtomic } = sumSessions(sessions)
  expect(spentAtomic + refundedAtomic + heldAtomic).toBe(capAtomic)
  expect(await violations()).toEqual([])
})

test('a run opens to its logs, asked for only then', async () => {
  const { signIn, asked } = await open()
  await signIn('owner')
  const row = screen.getByTestId('run-row') as HTMLDetailsElement
  expect(row.dataset.status).toBe('error')
  expect(asked).not.toContain('runs/run-1')
  row.open = true
  fireEvent(row, new Event('toggle'))
  await settle()
  expect(asked).toContain('runs/run-1')
  expect(plain(screen.getByTestId('run-log'))).toContain('Close the session')
  expect(plain(screen.getByTestId('run-log'))).toContain('"revert": "Superseded"')
  expect(await violations()).toEqual([])
})

test('what needs the owner comes first, with its remedy', async () => {
  const { signIn } = await open()
  await signIn('owner')
  const rows = screen.getAllByTestId('finding-row')
  expect(rows.map(({ dataset }) => dataset.status)).toEqual(['open', 'repaired', 'ok'])
  expect(plain(rows[0] as HTMLElement)).toContain('Deposit 5 USDC.')
  expect(screen.getByText(/1 finding needs you/)).toBeTruthy()
})

test('refresh asks again; signing out shows nothing more', async () => {
  const { signIn, asked } = await open()
  await signIn('owner')
  const before = asked.length
  fireEvent.click(screen.getByTestId('refresh-activity'))
  await settle()
  expect(asked.length).toBe(before + 3)
  expect(screen.getByRole('link', { name: 'Activity' })).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Sign out' }))
  expect(screen.queryByTestId('session-row')).toBeNull()
  expect(screen.queryByRole('link', { name: 'Activity' })).toBeNull()
})

test('empty lists say what will appear', async () => {
  const { signIn } = await open({ sessions: [], runs: [], findings: [] })
  await signIn('owner')
  for (const words of [/No session yet/, /No run yet/, /Nothing was found wrong/])
    expect(screen.getByText(words)).toBeTruthy()
  expect(await violations()).toEqual([])
})

test('a first reading that fails shows its error, and nothing of what was not read', async () => {
  const { signIn, bodies } = await open()
  const { findings: whole } = bodies
  bodies.findings = { strange: true }
  await signIn('owner')
  expect(screen.getByTestId('error').dataset.code).toBe('bug_unreachable_state')
  for (const words of [/Nothing/, /Not checked yet/, /No session yet/, /No run yet/])
    expect(screen.queryByText(words)).toBeNull()
  expect(await violations()).toEqual([])
  bodies.findings = whole
  fireEvent.click(screen.getByTestId('refresh-activity'))
  await settle()
  expect(screen.queryByTestId('error')).toBeNull()
  expect(screen.getAllByTestId('finding-row')).toHaveLength(3)
})

test('where nothing was checked yet, nothing is said to be in order', async () => {
  const { signIn } = await open({ findings: [], lastCheckAtMs: null })
  await signIn('owner')
  expect(screen.getByText(/Not checked yet/)).toBeTruthy()
  expect(screen.queryByText(/Nothing/)).toBeNull()
})

test('amounts wait until it is known whose money they are', async () => {
  let tell: (terms: MoneyTerms) => void = () => {}
  const { signIn } = await open({
    arrange(money) {
      money.client.terms = () => new Promise(resolve => (tell = resolve))
    },
  })
  await signIn('owner')
  expect(screen.getByTestId('sessions-wait').textContent).toContain('Asking which money')
  expect(screen.queryByTestId('session-row')).toBeNull()
  expect(document.body.textContent).not.toContain('test USDC')
  expect(screen.getAllByTestId('run-row')).toHaveLength(1)
  const sample = sampleTerms()
  await act(async () => tell({ ...sample, chain: { ...sample.chain, isEmbedded: false } }))
  expect(screen.queryByTestId('sessions-wait')).toBeNull()
  expect(plain(screen.getByTestId('session-sums'))).toContain('Of 1.00 USDC paid in')
})

test('where the terms cannot be read, that is said and asked again', async () => {
  let isDown = true
  const { signIn } = await open({
    arrange(money) {
      money.client.terms = async () => {
        if (isDown) throw new ComputePoolError('chain_unavailable', 'The chain is being set up.')
        return sampleTerms()
      }
    },
  })
  await signIn('owner')
  expect(screen.getByTestId('sessions-wait').textContent).toContain('The chain is being set up.')
  expect(await violations()).toEqual([])
  isDown = false
  fireEvent.click(screen.getByRole('button', { name: 'Ask again' }))
  await settle()
  expect(screen.getAllByTestId('session-row')).toHaveLength(3)
})
