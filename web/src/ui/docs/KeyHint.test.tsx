// @vitest-environment happy-dom
import { ComputePoolError } from '@computepool/shared/errors'
import type { MoneyTerms } from '@computepool/shared/money'
import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { createFakeMoney } from '../testing/fake-money.ts'
import { fakeToken } from '../testing/fake-money-client.ts'
import { renderPage } from '../testing/render-page.tsx'
import { sampleTerms } from '../testing/sample-money.ts'

afterEach(cleanup)

const settle = () => act(() => new Promise<void>(resolve => setTimeout(resolve, 0)))

test('where work is free, no key is asked for', async () => {
  renderPage('/docs')
  await settle()
  expect(screen.getByText(/No key is asked for/)).toBeTruthy()
  expect(document.body.textContent).not.toContain('SESSION_TOKEN')
})

test('while nobody knows whether it is free, nothing is promised', async () => {
  const money = createFakeMoney()
  let tell: (terms: MoneyTerms) => void = () => {}
  money.client.terms = () => new Promise(resolve => (tell = resolve))
  renderPage('/docs', { money })
  await settle()
  expect(screen.getByTestId('key-hint').textContent).toContain('Asking whether')
  expect(document.body.textContent).not.toContain('No key is asked for')
  await act(async () => tell({ mode: 'free' }))
  expect(screen.getByText(/No key is asked for/)).toBeTruthy()
})

test('where the price cannot be read, that is said and asked again', async () => {
  const money = createFakeMoney()
  let isDown = true
  money.client.terms = async () => {
    if (isDown) throw new ComputePoolError('chain_unavailable', 'The chain is being set up.')
    return sampleTerms()
  }
  renderPage('/docs', { money })
  await settle()
  expect(screen.getByTestId('key-hint').textContent).toContain('The chain is being set up.')
  expect(document.body.textContent).not.toContain('No key is asked for')
  isDown = false
  fireEvent.click(screen.getByRole('button', { name: 'Ask again' }))
  await settle()
  expect(screen.getByText(/a session’s token as its/)).toBeTruthy()
})

test('the limits say what holds where money moves', () => {
  renderPage('/docs')
  const limits = screen.getByRole('region', { name: 'Limits' }).textContent ?? ''
  expect(limits).not.toContain('No payment yet')
  expect(limits).toContain('The meter is the orchestrator’s word')
})

test('where it is paid for, the key is a session’s token, which is copied and never drawn', async () => {
  const money = createFakeMoney()
  renderPage('/docs', { money })
  await settle()
  expect(screen.getByText(/a session’s token as its/)).toBeTruthy()
  expect(document.body.textContent).toContain("-H 'authorization: Bearer SESSION_TOKEN'")
  expect(document.body.textContent).toContain('api_key="SESSION_TOKEN"')
  expect(screen.getByRole('link', { name: 'Open a session' }).getAttribute('href')).toBe('/chat')
  await act(() => money.stores.wallet.look(sampleTerms()))
  await act(() => money.stores.sessions.open(500_000n))
  expect(screen.getByRole('button', { name: 'Copy the session’s token' })).toBeTruthy()
  expect(document.body.innerHTML).not.toContain(fakeToken)
  money.stores.sessions.close()
})
