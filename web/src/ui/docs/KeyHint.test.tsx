// @vitest-environment happy-dom
import { act, cleanup, screen } from '@testing-library/react'
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
