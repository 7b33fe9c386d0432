// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react'
import axe from 'axe-core'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, expect, test } from 'vitest'
import { createFakeInft, samplePoolToken } from '../testing/fake-inft.ts'
import { createFakeMoney, payerAccount } from '../testing/fake-money.ts'
import { renderPage } from '../testing/render-page.tsx'
import { readyPool } from '../testing/sample-pool.ts'

afterEach(cleanup)

const seller = privateKeyToAccount(`0x${'52'.repeat(32)}`)
const plain = (element: Element) => (element.textContent ?? '').replaceAll('\u202f', ' ')

function open(inft = createFakeInft(seller.address)) {
  const services = renderPage('/chat', { inft, money: createFakeMoney() })
  act(() => services.setPool({ pool: readyPool() }))
  return { services, inft }
}

test('a private pool asks who somebody is before it asks for money', async () => {
  const { inft } = open()
  inft.token = { ...inft.token, authorised: [{ user: payerAccount.address, expiresAt: 0 }] }
  expect((await screen.findByTestId('private-pool')).dataset.access).toBe('signed-out')
  expect(screen.queryByTestId('open-session')).toBeNull()
  fireEvent.change(screen.getByTestId('composer'), { target: { value: 'Hello' } })
  expect(plain(screen.getByTestId('composer-obstacle'))).toContain('sign in first')
  expect(screen.getByRole('link', { name: 'How to ask for access' }).getAttribute('href')).toBe('/token#ask')
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  expect(found.violations.map(({ id }) => id)).toEqual([])
  const signIn = await screen.findByTestId('sign-in')
  await waitFor(() => expect((signIn as HTMLButtonElement).disabled).toBe(false))
  fireEvent.click(signIn)
  expect(await screen.findByTestId('open-session')).toBeTruthy()
  expect(screen.queryByTestId('private-pool')).toBeNull()
})

test('who signed in and is not authorised learns so before paying, and gets in once the chain says it', async () => {
  const { services, inft } = open()
  await screen.findByTestId('private-pool')
  const signIn = await screen.findByTestId('sign-in')
  await waitFor(() => expect((signIn as HTMLButtonElement).disabled).toBe(false))
  fireEvent.click(signIn)
  await waitFor(() => expect(screen.getByTestId('private-pool').dataset.access).toBe('unauthorised'))
  expect(screen.queryByTestId('open-session')).toBeNull()
  inft.token = { ...inft.token, authorised: [{ user: payerAccount.address, expiresAt: 0 }] }
  fireEvent.click(screen.getByTestId('ask-chain'))
  expect(await screen.findByTestId('open-session')).toBeTruthy()
  expect(services.access.token()).toBe('fake-access')
})

test('an open pool asks for no sign-in, and a refused answer links to how to ask', async () => {
  const { services } = open(createFakeInft(seller.address, samplePoolToken({ isPrivate: false })))
  expect(await screen.findByTestId('open-session')).toBeTruthy()
  expect(screen.queryByTestId('private-pool')).toBeNull()
  const message = '0x19E7 may not use this private pool.'
  const error = { code: 'peer_not_authorised', message, retryAfterSeconds: null }
  await act(async () => {
    services.chat.send('computepool-demo', 'Hello')
    await services.stream.push({ type: 'failed', error })
    await services.stream.end()
  })
  expect(plain(screen.getByTestId('answer-error'))).toBe(`${message} How to ask for access`)
})

test.each([
  ['none', 'No hardware vouches', 'orchestrator not attested'],
  ['simulated', 'simulates its attestation', 'attestation simulated'],
  ['tdx-dstack', 'says that it runs in an Intel TDX', 'says Intel TDX'],
])('what vouches for the orchestrator is told as it labels itself: %s', async (attestation, meaning, name) => {
  const services = renderPage('/trust', { attestation })
  await waitFor(() => expect(screen.getByTestId('attestation').dataset.kind).toBe(attestation))
  expect(plain(screen.getByTestId('attestation'))).toContain(meaning)
  expect(plain(screen.getByTestId('attestation'))).toContain('no seat’s machine')
  cleanup()
  const chat = renderPage('/chat')
  const figures = { tokens: 5, tokensPerSecond: null, timeToFirstTokenMs: null, directHops: null, finishReason: 'stop' }
  await act(async () => {
    chat.chat.send('computepool-demo', 'Hello')
    await chat.stream.push({ type: 'finished', figures: { ...figures, attestation: attestation as 'none' } })
    await chat.stream.end()
  })
  expect(plain(screen.getByTestId('answer-figures'))).toBe(`5 tokens · ${name}`)
  expect(services.attestation.getSnapshot()).toBe(attestation)
})
