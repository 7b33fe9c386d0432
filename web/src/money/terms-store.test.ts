import { ComputePoolError } from '@computepool/shared/errors'
import type { MoneyTerms } from '@computepool/shared/money'
import { expect, test } from 'vitest'
import { sampleTerms } from '../ui/testing/sample-money.ts'
import { createTermsStore, paidTermsOf } from './terms-store.ts'

const settle = () => new Promise<void>(resolve => setTimeout(resolve, 0))

test('a till that is not open yet is asked again, until it tells its terms', async () => {
  const later: (() => void)[] = []
  const answers: (MoneyTerms | null)[] = [null, null, sampleTerms()]
  const store = createTermsStore(
    async () => {
      const answer = answers.shift() ?? null
      if (answer === null) throw new ComputePoolError('chain_unavailable', 'The chain is being set up.')
      return answer
    },
    task => void later.push(task),
  )
  store.load()
  store.load()
  await settle()
  expect(store.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 'chain_unavailable' } })
  later.shift()?.()
  await settle()
  later.shift()?.()
  await settle()
  expect(paidTermsOf(store.getSnapshot())).toEqual(sampleTerms())
  expect(later).toEqual([])
})

test.each(['free', 'paid'] as const)('terms that are known, %s, outlast a failed look, which is told', async mode => {
  let isDown = false
  const store = createTermsStore(async () => {
    if (isDown) throw new Error('down')
    return mode === 'free' ? { mode } : sampleTerms()
  })
  store.load()
  await settle()
  expect(store.getSnapshot().status).toBe(mode)
  isDown = true
  expect(await store.refresh()).toBe(false)
  expect(store.getSnapshot().status).toBe(mode)
  isDown = false
  expect(await store.refresh()).toBe(true)
})

test('a refresh tells the new price', async () => {
  const answers = [sampleTerms(), sampleTerms({ pricePerSecondAtomic: 2_000n })]
  const store = createTermsStore(async () => answers.shift() as MoneyTerms)
  store.load()
  await settle()
  expect(await store.refresh()).toBe(true)
  expect(paidTermsOf(store.getSnapshot())?.pricePerSecondAtomic).toBe(2_000n)
})
