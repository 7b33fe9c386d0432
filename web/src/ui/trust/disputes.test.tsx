// @vitest-environment happy-dom
import { ComputePoolError } from '@computepool/shared/errors'
import { bigintAsString, type DisputeView } from '@computepool/shared/money'
import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, expect, test } from 'vitest'
import { fetchDisputes } from '../../money/fetch-disputes.ts'
import { createFakeMoney } from '../testing/fake-money.ts'
import { renderPage } from '../testing/render-page.tsx'
import { sampleDispute } from '../testing/sample-trust.ts'

afterEach(cleanup)

const plain = (element: Element) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))

async function open(disputes: () => readonly DisputeView[]) {
  renderPage('/disputes', { money: createFakeMoney(), disputes })
  await settle()
  return screen.queryAllByTestId('dispute-row')
}

test.each([
  [{ state: 'recorded', coalition: null }, 'Convicted by this pool. No stake lay there, so no money moves.'],
  [{ state: 'recorded' }, 'the accusation is not on the chain, or not yet. Coalition 7. Bond 1.00 test USDC.'],
  [{ state: 'accused' }, 'the accused has time to answer. Coalition 7.'],
  [{ state: 'voting' }, 'The auditors are voting. Coalition 7.'],
  [{ state: 'undecided' }, 'No quorum in time: the bond went back, and nothing else happens.'],
  [{ state: 'innocent' }, 'Found innocent: the accuser’s bond goes to the accused.'],
  [
    { state: 'settled', slashedAtomic: 5_000_000n, payerAtomic: 123_456n },
    'moved. Coalition 7. Bond 1.00 test USDC. 5.00 test USDC taken from the stake, 0.123456 of it to the payer.',
  ],
] satisfies [Partial<DisputeView>, string][])('a dispute says how it stands: %o', async (change, words) => {
  const [row] = await open(() => [sampleDispute(change)])
  expect(plain(row!)).toContain('0x2222…2222 sent something else than its layers compute')
  expect(plain(row!)).toContain(words)
})

test('on the chain the votes are told with their deadline, and a note says what else is owed', async () => {
  const onChain = {
    ...{ chainId: 31_337, registry: `0x${'a'.repeat(40)}`, dispute: '3', accuser: `0x${'b'.repeat(40)}` },
    ...{ respondUntil: 1_700_000_030, voteUntil: 1_700_000_330, quorum: 2, guiltyVotes: 1, innocentVotes: 0 },
  }
  const [voting, accused, settled] = await open(() => [
    sampleDispute({ onChain, note: 'One auditor has not answered.' }),
    sampleDispute({ id: 'd2', state: 'accused', onChain }),
    sampleDispute({ id: 'd3', state: 'settled', onChain }),
  ])
  const local = (seconds: number) => new Date(seconds * 1000).toLocaleString()
  const votes = 'Votes: 1 guilty, 0 innocent; 2 alike decide.'
  expect(plain(voting!)).toContain(`${votes} Votes count until ${local(1_700_000_330)}.One auditor has not answered.`)
  expect(plain(accused!)).toContain(`${votes} Answers count until ${local(1_700_000_030)}.`)
  expect(plain(settled!)).not.toContain('count until')
  expect(screen.queryByTestId('dispute-voters')).toBeNull()
})

test('each vote is told with whose wallet sent it', async () => {
  const [one, two, pool] = ['c', 'd', 'e'].map(digit => `0x${digit.repeat(40)}`) as [string, string, string]
  const vote = { isGuilty: true, transaction: `0x${'1'.repeat(64)}` }
  const votes = [
    { ...vote, auditor: one, sender: one, by: 'own-keeper' as const },
    { ...vote, auditor: two, sender: pool, by: 'relay' as const },
    { ...vote, auditor: pool, isGuilty: false, sender: two, by: null },
  ]
  const onChain = {
    ...{ chainId: 31_337, registry: one, dispute: '3', accuser: two, respondUntil: 1, voteUntil: 2 },
    ...{ quorum: 2, guiltyVotes: 2, innocentVotes: 1, votes },
  }
  const [row] = await open(() => [sampleDispute({ state: 'settled', onChain })])
  expect(plain(row!)).toContain(
    '0xcccc…cccc said guilty by a run of its own keeper; 0xdddd…dddd said guilty through this pool’s relay; 0xeeee…eeee said innocent by the wallet 0xdddd…dddd.',
  )
})

test('evidence is a file of this origin, with the way to compute it again', async () => {
  await open(() => [sampleDispute()])
  const link = screen.getByTestId('evidence')
  expect(link.getAttribute('href')).toBe(`/api/evidence/${'ab'.repeat(32)}`)
  expect(link.hasAttribute('download')).toBe(true)
  expect(screen.getByText(/^computepool verify (ab){32}\.cpevid --pack PACK_FOLDER$/)).toBeTruthy()
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  expect(found.violations.map(({ id }) => id)).toEqual([])
})

test.each(['https://evil.example/x', '//evil.example/x', 'javascript:alert(1)', '/\\evil.example'])(
  'a path that leads elsewhere is no link: %s',
  async path => {
    await open(() => [sampleDispute({ evidence: { sha256: 'ab'.repeat(32), path } })])
    expect(screen.queryByTestId('evidence')).toBeNull()
    expect(screen.getAllByTestId('dispute-row')).toHaveLength(1)
  },
)

test('none is said only once it is known; a refusal is told and asked again', async () => {
  let isDown = true
  await open(() => {
    if (isDown) throw new ComputePoolError('peer_unreachable', 'The orchestrator did not answer.')
    return []
  })
  expect(screen.getByTestId('error').textContent).toContain('did not answer')
  expect(screen.queryByText(/No dispute is recorded/)).toBeNull()
  isDown = false
  fireEvent.click(screen.getByTestId('ask-disputes'))
  await settle()
  expect(screen.queryByTestId('error')).toBeNull()
  expect(screen.getByText(/No dispute is recorded/)).toBeTruthy()
})

test('where work is free nothing is asked, and why nothing is listed is said', async () => {
  let asked = 0
  const count = () => {
    asked += 1
    return []
  }
  renderPage('/disputes', { disputes: count })
  await settle()
  expect(asked).toBe(0)
  expect(screen.getByTestId('disputes').textContent).toContain('Work is free here')
  expect(screen.queryByText(/No dispute is recorded/)).toBeNull()
})

test('the list is read as the API tells it, and a strange one is refused', async () => {
  const answer = (body: unknown) => async () => new Response(JSON.stringify(body, bigintAsString))
  expect(await fetchDisputes(answer({ disputes: [sampleDispute()] }))).toEqual([sampleDispute()])
  await expect(fetchDisputes(answer({ disputes: [{ ...sampleDispute(), state: 'lost' }] }))).rejects.toThrow(/state/)
})
