import { expect, it } from 'vitest'
import type { NativeProvider } from './native-runtime.ts'
import { tryProvider } from './try-provider.ts'

it('runs a graph on the processor, and says in plain words what does not run', async () => {
  expect(await tryProvider('cpu')).toMatchObject({ provider: 'cpu', runs: true })
  const unknown = await tryProvider('abacus' as NativeProvider)
  expect(unknown).toMatchObject({ runs: false, reason: expect.stringContaining('abacus') })
})
