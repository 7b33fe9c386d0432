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
  expect(rest).toEqual({ command: 'run', json: false, count: 3, keyFile: undefined, keeper: null })
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
  [['--keeper-url', 'app.keeperhub.com'], /--keeper-url must be/],
  [['--keeper-url', 'https://app.keeperhub.com/api'], /KEEPERHUB_API_KEY is not set/],
])('refuses %j by name', (args, words) => {
  expect(() => read(...args)).toThrow(words)
})

it('takes an organisation’s key for each auditor, and repeats none', () => {
  const asked = (keys: string) =>
    readAuditorArguments(['--keeper-url', 'https://hub.example/api/'], { KEEPERHUB_API_KEY: keys }, 8e9).keeper
  expect(asked('kh_one, kh_two\n')).toEqual({ url: 'https://hub.example/api', apiKeys: ['kh_one', 'kh_two'] })
  expect(() => asked('kh_one kh_one')).toThrow(/stands twice in KEEPERHUB_API_KEY: each/)
  expect(() => asked('kh_ö')).toThrow(/^A key in KEEPERHUB_API_KEY is none\.$/)
})
