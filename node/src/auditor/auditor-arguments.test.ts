import { expect, it } from 'vitest'
import { readAuditorArguments } from './auditor-arguments.ts'

const read = (...args: string[]) => readAuditorArguments(args, { COMPUTEPOOL_DATA: '/data' }, 8e9)

it('takes what is asked for, and has a default for the rest', () => {
  const { settings, ...rest } = read(
    '--url',
    'https://pool.example',
    '--count',
    '3',
    '--memory',
    '2GB',
    '--engine',
    'cpu',
  )
  expect(rest).toEqual({ command: 'run', json: false, count: 3, keyFile: undefined })
  expect(settings).toMatchObject({
    url: 'https://pool.example',
    memoryBudgetBytes: 2e9,
    engine: 'cpu',
    drainMs: 60_000,
  })
  expect(settings).toMatchObject({ dataDir: '/data', axlUrl: null, usesWebRtc: true })
  expect(read().settings).toMatchObject({ url: 'http://localhost:8080', memoryBudgetBytes: 4e9 })
  expect(read().count).toBeNull()
})

it.each([
  [['--count', '0'], /--count is "0"/],
  [['--count', '17'], /from 1 to 16/],
  [['--url', 'nowhere'], /no http or https address/],
  [['--memory', '1MB'], /hold no layer/],
  [['https://pool.example'], /no argument/],
  [['--engine', 'abacus'], /--engine is "abacus"/],
])('refuses %j by name', (args, words) => {
  expect(() => read(...args)).toThrow(words)
})
