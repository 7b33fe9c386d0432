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

test('terms that are known outlast a failed look', async () => {
  let isDown = false
  const store = createTermsStore(async () => {
    if (isDown) throw new Error('down')
    return { mode: 'free' } as const
  })
  store.load()
  await settle()
  expect(store.getSnapshot().status).toBe('free')
  expect(paidTermsOf(store.getSnapshot())).toBeNull()
  isDown = true
  store.load()
  await settle()
  expect(store.getSnapshot().status).toBe('free')
})
