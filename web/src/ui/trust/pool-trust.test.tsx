// @vitest-environment happy-dom
import { ComputePoolError } from '@computepool/shared/errors'
import { act, cleanup, fireEvent, screen, within } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test } from 'vitest'
import { createFakeMoney } from '../testing/fake-money.ts'
import { renderPage } from '../testing/render-page.tsx'
import { peerId, readyPool, sampleSeat } from '../testing/sample-pool.ts'
import { sampleDispute, stakedPool } from '../testing/sample-trust.ts'

afterEach(cleanup)

const plain = (element: Element) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))
const violations = async () => {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

test.each(['/', '/operate', '/chat', '/trust'])('an unstaked pool is called so on %s', async address => {
  const services = renderPage(address)
  act(() => services.setPool({ pool: readyPool({ stake: { mode: 'unstaked', amountAtomic: '0' } }) }))
  expect(screen.getAllByTestId('stake-chip').map(plain)).toContain('unstaked pool')
  expect(plain(screen.getByTestId('pool-stake'))).toMatch(/^Unstaked pool: .* no money\.$/)
  expect(screen.queryByText(/USDC for each member/)).toBeNull()
})

test('the chat says it in its head too, and a pool that tells nothing of stakes is unstaked', () => {
  const services = renderPage('/chat')
  act(() => services.setPool({ pool: readyPool() }))
  const head = document.querySelector('.chat-head') as HTMLElement
  expect(plain(within(head).getByTestId('stake-chip'))).toBe('unstaked pool')
  expect(plain(screen.getByTestId('pool-checks'))).toBe('This pool tells of no checks.')
})

test('a staked pool tells the amount, who has staked and how its terms stand', async () => {
  const services = renderPage('/', { money: createFakeMoney(), disputes: () => [] })
  act(() => services.setPool({ pool: stakedPool() }))
  await settle()
  expect(plain(screen.getByTestId('pool-stake'))).toBe(
    'Staked pool: 5.00 test USDC for each member. Of this ring 2 of 3 have staked. ' +
      'Its terms are on the chain and wait for all members. Coalition 7.',
  )
  expect(screen.getAllByTestId('stake-chip').map(plain)).toEqual(['staked pool'])
  expect(await violations()).toEqual([])
})

test('without knowing whose money it is, no amount is told', async () => {
  const money = createFakeMoney()
  money.client.terms = async () => {
    throw new ComputePoolError('chain_unavailable', 'The chain is being set up.')
  }
  const services = renderPage('/', { money })
  act(() => services.setPool({ pool: stakedPool() }))
  await settle()
  expect(plain(screen.getByTestId('pool-stake'))).toMatch(/^Staked pool\. Of this ring 2 of 3/)
})

test('checks are told as they were counted', async () => {
  const services = renderPage('/', { money: createFakeMoney() })
  act(() => services.setPool({ pool: stakedPool() }))
  await settle()
  const figures = [...screen.getByTestId('pool-checks').children].map(plain)
  expect(figures).toEqual([
    'Checks drawn14',
    'Agreed9',
    'Differed1',
    'Withheld1',
    'Unanswered2',
    'Not judged1',
    'Slices proved6',
    'Slices found wrong1',
    'Slices not proved2',
    'Auditors computed1.23 s',
  ])
})

test('auditors’ pay is told on the page of trust: whose units, for how many checks, and what they are worth', async () => {
  const services = renderPage('/trust', { money: createFakeMoney() })
  act(() => services.setPool({ pool: stakedPool() }))
  await settle()
  const words = () => plain(screen.getByTestId('audit-pay'))
  expect(words()).toContain('Beside those of seats, 20 units are auditors’')
  expect(words()).toContain('Money that streams to the pool is shared by units.')
  expect(screen.getAllByTestId('audit-share').map(plain)).toEqual([
    '0xa1a1…a1a1: 19 units, for 7 checks of the last hour',
    '0xb2b2…b2b2: 1 unit, for 1 check of the last hour',
  ])
  expect(await violations()).toEqual([])
  act(() => services.setPool({ pool: readyPool() }))
  expect(words()).toContain('No auditor has units now.')
  expect(screen.queryAllByTestId('audit-share')).toEqual([])
})

test('each seat’s standing and stake can be read: at its arc, and in the table', async () => {
  const services = renderPage('/', { money: createFakeMoney() })
  act(() => services.setPool({ pool: stakedPool() }))
  await settle()
  const wordsOf = (seat: number) => {
    fireEvent.focus(screen.getByTestId(`arc-seat-${seat}`))
    return plain(screen.getByTestId('seat-trust'))
  }
  expect(plain(screen.getByTestId('seat-trust'))).toBe('Choose an arc to see its standing.')
  expect(wordsOf(0)).toBe('Weight 0.55, trust 0.50. Checks: 20 agreed, 0 failed. Staked.')
  expect(wordsOf(1)).toBe('Convicted: it gets no work until that fades. Checks: 3.1 agreed, 1 failed. Staked.')
  expect(wordsOf(2)).toBe('Weight 0.10, trust 0.00. Checks: 0 agreed, below 0.1 failed. Not staked.')
  fireEvent.click(screen.getByRole('button', { name: 'Table' }))
  const rows = within(screen.getByRole('table')).getAllByRole('row').slice(1)
  const cells = rows.map(row => [...row.children].slice(-4).map(plain))
  expect(cells).toEqual([
    ['staked', '0.55', '20', '0'],
    ['staked', '0.00, convicted', '3.1', '1'],
    ['none', '0.10', '0', 'below 0.1'],
  ])
  expect(await violations()).toEqual([])
})

test('a convicted seat is named: while it still sits there, and after it was replaced', async () => {
  const innocent = sampleDispute({ id: 'd0', accused: peerId(3).split('.')[0] ?? '', state: 'innocent' })
  const services = renderPage('/', {
    money: createFakeMoney(),
    disputes: () => [sampleDispute(), sampleDispute({ id: 'd2' }), innocent],
  })
  act(() => services.setPool({ pool: stakedPool() }))
  await settle()
  const words = () => [...screen.getByTestId('convictions').children].map(plain)
  expect(words()).toEqual([
    '0x2222…2222 was convicted: it sent something else than its layers compute. ' +
      'It still holds a seat, until its ring is placed anew. Evidence',
  ])
  act(() => services.setPool({ pool: stakedPool({ seats: [sampleSeat(0, [0, 6])], rings: [] }) }))
  expect(words()[0]).toContain('It holds no seat any more')
})

test('a conviction is named where work is free too, and withdrawn when the chain’s auditors found otherwise', async () => {
  const convicted = [
    { operator: peerId(4).slice(0, 42), what: 'withheld' as const, atMs: 1, evidencePath: '/api/evidence/ab' },
  ]
  const services = renderPage('/')
  act(() => services.setPool({ pool: readyPool({ convicted }) }))
  await settle()
  expect(plain(screen.getByTestId('convictions'))).toContain('0x4444…4444 was convicted: it did not hand over')
  expect(screen.getByRole('link', { name: 'Evidence against 0x4444…4444' }).getAttribute('href')).toBe(
    '/api/evidence/ab',
  )
  cleanup()
  const acquitted = sampleDispute({ accused: peerId(4).slice(0, 42), state: 'innocent' })
  const paid = renderPage('/', { money: createFakeMoney(), disputes: () => [acquitted] })
  act(() => paid.setPool({ pool: stakedPool({ convicted }) }))
  await settle()
  expect(screen.queryByTestId('convictions')).toBeNull()
})

test('disputes are asked for once, and again when the pool’s counts change', async () => {
  let asked = 0
  const services = renderPage('/', {
    money: createFakeMoney(),
    disputes: () => {
      asked += 1
      return []
    },
  })
  act(() => services.setPool({ pool: readyPool() }))
  await settle()
  expect(asked).toBe(0)
  act(() => services.setPool({ pool: stakedPool() }))
  act(() => services.setPool({ pool: stakedPool({ laps: 9 }) }))
  await settle()
  expect(asked).toBe(1)
  act(() => services.setPool({ pool: stakedPool({ disputes: { open: 1, slashed: 1 } }) }))
  await settle()
  expect(asked).toBe(2)
})
