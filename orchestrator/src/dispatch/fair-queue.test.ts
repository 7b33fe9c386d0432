import { expect, it } from 'vitest'
import { createFairQueue } from './fair-queue.ts'

it('serves one of each client in turn, first come first served within one', () => {
  const queue = createFairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.add(item[0]!, item)
  expect(queue.remove('c1')).toBe(true)
  expect([queue.size, queue.clients, queue.sizeOf('a'), queue.sizeOf('c')]).toEqual([5, 2, 3, 0])
  const served: string[] = []
  for (let next = queue.next(); next !== undefined; next = queue.next()) {
    served.push(next)
    queue.serve(next)
    if (next === 'b1') queue.add('d', 'd1')
  }
  expect(served).toEqual(['a1', 'b1', 'a2', 'b2', 'd1', 'a3'])
  expect(queue.remove('a1')).toBe(false)
})
