import { expect, it } from 'vitest'
import { readAuditorArguments } from './auditor-arguments.ts'

const read = (...args: string[]) => readAuditorArguments(args, { COMPUTEPOOL_DATA: '/data' }, 8e9)

const registry = `0x${'Ab'.repeat(20)}`
const keeperOf = (more: string[], keys: string, rpcUrl = 'https://rpc.example') =>
  readAuditorArguments(
    ['--keeper-url', 'https://hub.example/api/', ...more],
    { KEEPERHUB_API_KEY: keys, COMPUTEPOOL_RPC_URL: rpcUrl },
    8e9,
  ).keeper

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
  [['--registry', registry], /without --keeper-url/],
])('refuses %j by name', (args, words) => {
  expect(() => read(...args)).toThrow(words)
})

it('lets no organisation pay where the pool alone says what is on which chain', () => {
  expect(() => keeperOf([], 'kh_one')).toThrow(/without --registry/)
  expect(() => keeperOf(['--registry', '0x12'], 'kh_one')).toThrow(/--registry is "0x12"/)
  expect(() => keeperOf(['--registry', registry], 'kh_one', '')).toThrow(/COMPUTEPOOL_RPC_URL is not set/)
})

it('takes an organisation’s key for each auditor, and repeats none', () => {
  const asked = (keys: string) => keeperOf(['--registry', registry, '--registry', `0x${'12'.repeat(20)}`], keys)
  expect(asked('kh_one, kh_two\n')).toEqual({
    ...{ url: 'https://hub.example/api', apiKeys: ['kh_one', 'kh_two'] },
    registries: [registry.toLowerCase(), `0x${'12'.repeat(20)}`],
  })
  expect(() => asked('kh_one kh_one')).toThrow(/stands twice in KEEPERHUB_API_KEY: each/)
  expect(() => asked('kh_ö')).toThrow(/^A key in KEEPERHUB_API_KEY is none\.$/)
})
