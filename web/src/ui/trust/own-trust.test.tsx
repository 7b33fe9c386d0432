// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test } from 'vitest'
import { createFakeMoney } from '../testing/fake-money.ts'
import { createFakeTabStore } from '../testing/fake-tab-store.ts'
import { renderPage } from '../testing/render-page.tsx'
import { readyPool } from '../testing/sample-pool.ts'
import { sampleStake, sampleStanding, stakedPool } from '../testing/sample-trust.ts'
import { ownStakeWords, wayBackWords } from './own-stake-words.ts'

afterEach(cleanup)

const plain = (element: Element) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))
const violations = async () => {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

test('an operator reads its stake: state, amount, where it lies, and what brings it back', async () => {
  const tab = createFakeTabStore({ status: 'serving', stake: sampleStake({ words: '5 USDC are at stake.' }) })
  renderPage('/operate', { tab, money: createFakeMoney() })
  await settle()
  const panel = screen.getByTestId('own-stake')
  expect(panel.dataset.state).toBe('staked')
  expect(screen.getByTestId('stake-amount').dataset.atomic).toBe('5000000')
  expect(plain(panel)).toContain('5.00 test USDC of this key’s money lies in coalition 7 on the chain.')
  expect(plain(panel)).toContain('What brings it back: leave')
  // The desk's own sentence would say the amount again, in a currency that it does not know.
  expect(screen.queryByTestId('stake-words')).toBeNull()
  expect(await violations()).toEqual([])
  const words = 'The wallet holds less than the stake.'
  act(() => tab.become({ stake: sampleStake({ state: 'none', coalition: null, amountAtomic: '0', words }) }))
  expect(plain(screen.getByTestId('stake-words'))).toBe(words)
  expect(screen.queryByTestId('stake-amount')).toBeNull()
})

test('after leaving, what was told last stays to be read, and is called that', async () => {
  const tab = createFakeTabStore({ status: 'serving', stake: sampleStake() })
  renderPage('/operate', { tab, money: createFakeMoney() })
  await settle()
  act(() => tab.become({ stake: sampleStake({ state: 'unbonding', untilMs: 1_700_000_000_000 }) }))
  act(() => tab.become({ status: 'idle', stake: null }))
  expect(plain(screen.getByTestId('own-stake'))).toContain('So it stood when this tab last heard of it.')
  expect(screen.getByTestId('own-stake').dataset.state).toBe('unbonding')
})

test('each state of a stake has its words; what is free to say says no amount before its money is known', () => {
  const at = (ms: number) => `time ${ms}`
  const told = (change: Parameters<typeof sampleStake>[0], isTest: boolean | null = true) =>
    ownStakeWords(sampleStake(change), isTest, at).replaceAll('\u202f', ' ')
  expect([
    told({ state: 'unstaked', coalition: null }),
    told({ state: 'none', coalition: null }),
    told({ state: 'unbonding', untilMs: 7 }),
    told({ state: 'unbonding' }),
    told({ state: 'slashed' }),
    told({ state: 'staked', coalition: null }, null),
    told({ state: 'slashed', amountAtomic: '0' }),
  ]).toMatchInlineSnapshot(`
    [
      "This pool asks for no stake: a conviction costs work and standing, no money.",
      "You have not staked yet: until then your work is not paid.",
      "5.00 test USDC unbonds until time 7. Then this pool has it sent back to this key; anybody may, should the pool not.",
      "5.00 test USDC comes back after the registry’s unbonding time.",
      "5.00 test USDC was taken by a verdict of the auditors. The list of disputes shows where it went.",
      "The stake lies on the chain.",
      "The stake was taken by a verdict of the auditors. The list of disputes shows where it went.",
    ]
  `)
  expect(wayBackWords(sampleStake({ state: 'slashed' }))).toBeNull()
  expect(wayBackWords(sampleStake({ state: 'none' }))).toBeNull()
})

test('an operator reads its standing, and each change with its reason', async () => {
  const tab = createFakeTabStore({ status: 'serving', standing: sampleStanding() })
  renderPage('/operate', { tab })
  const panel = screen.getByTestId('own-standing')
  const figures = [...(panel.querySelector('dl')?.children ?? [])].map(plain)
  expect(figures).toEqual([
    'Weight0.56',
    'Trust0.51',
    'Answers checked81 %',
    'Checks agreed21',
    'Checks failed0',
    'Left early1',
    'Served1 h 01 min',
  ])
  const changes = screen.getAllByTestId('standing-change').map(plain)
  expect(changes[0]).toContain('weight 0.55 to 0.56A check computed your layers again and agreed.')
  expect(changes[1]).toContain('You left a seat while an answer ran through it.')
  expect(await violations()).toEqual([])
  // Never challenged: nothing is said of it.
  expect(screen.queryByTestId('own-challenges')).toBeNull()
  act(() => tab.become({ standing: sampleStanding({ challenged: 3, challengesMet: 2 }) }))
  expect(plain(screen.getByTestId('own-challenges'))).toMatch(
    /^While you stood by, your slice was challenged 3 times, and passed 2 times\./,
  )
  act(() => tab.become({ standing: sampleStanding({ challenged: 1, challengesMet: 1 }) }))
  expect(plain(screen.getByTestId('own-challenges'))).toContain('challenged once, and passed once.')
  act(() => tab.become({ standing: sampleStanding({ weight: 0, failed: 1 }) }))
  expect(plain(panel)).toContain('This key gets no work')
})

test('before joining a staked pool, what the key will sign is said, and the most of it is the reader’s to set', async () => {
  const tab = createFakeTabStore()
  const services = renderPage('/operate', { tab, money: createFakeMoney() })
  act(() => services.setPool({ pool: stakedPool() }))
  const most = await screen.findByTestId('most-stake')
  await settle()
  expect(plain(screen.getByTestId('signing-terms'))).toContain('that 5.00 test USDC of this key’s own money go to')
  fireEvent.change(most, { target: { value: 'all' } })
  fireEvent.click(screen.getByTestId('join'))
  expect(tab.calls).toEqual([])
  expect(most.getAttribute('aria-invalid')).toBe('true')
  expect(await violations()).toEqual([])
  fireEvent.change(most, { target: { value: '2.5' } })
  expect(plain(screen.getByTestId('signing-terms'))).toContain('its work will not be paid')
  fireEvent.click(screen.getByTestId('join'))
  fireEvent.change(most, { target: { value: '' } })
  fireEvent.click(screen.getByTestId('join'))
  const options = { memoryBudgetBytes: 4e9, engine: null }
  expect(tab.calls).toEqual([
    `join ${JSON.stringify({ ...options, mostStakeAtomic: '2500000' })}`,
    `join ${JSON.stringify({ ...options, mostStakeAtomic: '25000000' })}`,
  ])
})

test('a pool that asks for no stake yet says up to what the key would sign; a free one gets nothing signed', async () => {
  const tab = createFakeTabStore()
  const services = renderPage('/operate', { tab, money: createFakeMoney() })
  act(() => services.setPool({ pool: readyPool() }))
  const later = await screen.findByTestId('signing-later')
  await settle()
  expect(plain(later)).toContain('Should this pool ask for a stake while you serve')
  expect(screen.getByTestId('most-stake').getAttribute('placeholder')).toBe('25.00')
  fireEvent.click(screen.getByTestId('join'))
  expect(tab.calls[0]).toContain('"mostStakeAtomic":"25000000"')
  expect(await violations()).toEqual([])
  cleanup()
  const free = createFakeTabStore()
  renderPage('/operate', { tab: free })
  fireEvent.click(await screen.findByTestId('join'))
  expect(screen.queryByTestId('most-stake')).toBeNull()
  expect(free.calls[0]).toContain('"mostStakeAtomic":"0"')
})
