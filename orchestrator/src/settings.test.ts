import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { help, parseSettings } from './settings.ts'

describe('parseSettings', () => {
  it('has defaults that need nothing', () => {
    expect(parseSettings([], {})).toMatchObject({
      port: 8080,
      isPortFixed: false,
      host: '127.0.0.1',
      model: null,
      packDir: null,
      minSeats: 2,
      corsOrigins: '*',
      ice: { stunUrls: [], turn: null },
      cacheDir: null,
      signaling: null,
      challengeEveryMs: 600_000,
    })
    expect(parseSettings(['--challenge', '0'], {}).challengeEveryMs).toBeNull()
  })

  it('reads options, and paths from where the person stands', () => {
    const args = ['--port', '9000', '--seats', '1', '--model', 'my/model', '--quantisation', 'q4', '--context', '512']
    expect(parseSettings(args, { INIT_CWD: '/home/me' })).toMatchObject({
      port: 9000,
      isPortFixed: true,
      minSeats: 1,
      model: resolve('/home/me/my/model'),
      quantisation: 'q4',
      maxContext: 512,
    })
    expect(parseSettings(['--model', 'hf:Qwen/Qwen3-0.6B'], {}).model).toBe('hf:Qwen/Qwen3-0.6B')
  })

  it('reads the folder of packs from where the person stands', () => {
    expect(parseSettings([], { COMPUTEPOOL_CACHE: 'packs', INIT_CWD: '/home/me' }).cacheDir).toBe(
      resolve('/home/me/packs'),
    )
  })

  it('reads link servers from the environment', () => {
    const environment = {
      COMPUTEPOOL_STUN_URLS: 'stun:a:1, stun:b:2',
      COMPUTEPOOL_TURN_URLS: 'turn:c:3',
      COMPUTEPOOL_TURN_SECRET: 's3cret',
      COMPUTEPOOL_CORS_ORIGINS: 'https://a.example',
    }
    expect(parseSettings([], environment)).toMatchObject({
      ice: { stunUrls: ['stun:a:1', 'stun:b:2'], turn: { urls: ['turn:c:3'], secret: 's3cret' } },
      corsOrigins: ['https://a.example'],
    })
  })

  it('takes a token for scrapers of the metrics, if it is long enough to be one', () => {
    expect(parseSettings([], {}).metricsToken).toBeNull()
    expect(parseSettings([], { COMPUTEPOOL_METRICS_TOKEN: 'sixteen-letters-' }).metricsToken).toBe('sixteen-letters-')
    expect(() => parseSettings([], { COMPUTEPOOL_METRICS_TOKEN: 'short-secret' })).toThrow(
      expect.objectContaining({
        code: 'input_invalid',
        message: expect.not.stringContaining('short-secret'),
        context: { param: 'COMPUTEPOOL_METRICS_TOKEN' },
      }),
    )
  })

  it.each([
    [['--port', 'eighty'], '--port is "eighty"; it must be a whole number from 0 to 65535.'],
    [['--seats', '0'], '--seats is "0"; it must be a whole number from 1 to 64.'],
    [['--quantisation', 'q5'], '"q5" is not q4, q8, f16 or f32.'],
    [['--model', 'a', '--pack', 'b'], '--model and --pack were both given.'],
    [['--public-url', 'pool'], '--public-url is "pool"; it must be like https://pool.example.org.'],
  ])('refuses %j in words', (args, message) => {
    expect(() => parseSettings(args, {})).toThrow(expect.objectContaining({ code: 'input_invalid', message }))
  })

  it('reads where a detached hub is, and never repeats its key', () => {
    const deskKey = `0x${'a1'.repeat(32)}`
    const environment = { COMPUTEPOOL_SIGNALING_URL: 'http://10.0.0.2:8788/', COMPUTEPOOL_SIGNALING_KEY: deskKey }
    expect(parseSettings([], environment).signaling).toEqual({ url: 'http://10.0.0.2:8788', deskKey })
    const args = ['--signaling', 'https://hub.example']
    expect(parseSettings(args, environment).signaling).toMatchObject({ url: 'https://hub.example' })
    const short = { COMPUTEPOOL_SIGNALING_KEY: '0xa1a1' }
    expect(() => parseSettings(args, short)).toThrow(/^COMPUTEPOOL_SIGNALING_KEY must be a private key: 0x and 64 hex/)
    expect(() => parseSettings(['--signaling', 'hub'], environment)).toThrow(/^--signaling is "hub"/)
  })

  it('refuses an endpoint that is none, and never repeats it', () => {
    const endpoint = 'wss://rpc.example/s3cret'
    for (const [args, environment] of [
      [['--chain', endpoint], {}],
      [['--chain', '0g-galileo'], { COMPUTEPOOL_RPC_URL: endpoint }],
    ] as const) {
      expect(() => parseSettings(args, environment)).toThrow(/must be .*https:\/\//)
      expect(() => parseSettings(args, environment)).not.toThrow(/s3cret/)
    }
  })

  it('refuses TURN servers without their secret', () => {
    expect(() => parseSettings([], { COMPUTEPOOL_TURN_URLS: 'turn:c:3' })).toThrow(/COMPUTEPOOL_TURN_SECRET is not/)
  })
})

describe('what operators stake', () => {
  it('is 5 dollars of test money on a chain of its own, and nothing elsewhere unless it is asked for', () => {
    const keys = { COMPUTEPOOL_SETTLER_KEY: `0x${'11'.repeat(32)}`, COMPUTEPOOL_KEEPER_KEY: `0x${'22'.repeat(32)}` }
    const stakeOf = (...args: string[]) => parseSettings(args, keys).money.stakeAtomic
    expect(stakeOf()).toBe(5_000_000n)
    expect(stakeOf('--stake', '0')).toBe(0n)
    expect(stakeOf('--stake', '12.345678')).toBe(12_345_678n)
    expect(stakeOf('--chain', '0g-galileo')).toBe(0n)
    expect(stakeOf('--chain', '0g-galileo', '--stake', '5')).toBe(5_000_000n)
    expect(stakeOf('--free')).toBe(0n)
  })

  it.each(['-1', '1e3', '1.1234567', 'five', ''])('is refused as "%s"', text => {
    expect(() => parseSettings([`--stake=${text}`], {})).toThrow('--stake is')
  })
})

it('names each key of another chain in its help', () => {
  const keys = ['SETTLER', 'KEEPER', 'OWNER', 'ACCUSER'].map(whose => `COMPUTEPOOL_${whose}_KEY`)
  expect(keys.filter(key => !help.includes(key))).toEqual([])
})

it('runs three auditors unless told otherwise, and none where none are wanted', () => {
  expect([[], ['--auditors', '0'], ['--auditors', '16']].map(args => parseSettings(args, {}).auditors)).toEqual([
    3, 0, 16,
  ])
  expect(() => parseSettings(['--auditors', '17'], {})).toThrow('--auditors is "17"')
})

it('takes the pool’s token, and a storage for it, without repeating a key', () => {
  expect(parseSettings([], {}).inft).toEqual({ isPrivate: false, tokenId: null, storage: undefined })
  expect(parseSettings(['--free'], {}).inft).toBeNull()
  expect(() => parseSettings(['--free', '--private'], {})).toThrow(/^--free and --private were both given/)
  expect(() => parseSettings(['--pool-token', '0x1'], {})).toThrow(/^--pool-token is "0x1"/)
  const storageKey = `0x${'ab'.repeat(32)}`
  const args = ['--private', '--pool-token', '7', '--storage', 'https://indexer.example']
  expect(parseSettings(args, { COMPUTEPOOL_STORAGE_KEY: storageKey }).inft).toEqual({
    isPrivate: true,
    tokenId: 7n,
    storage: { indexerUrl: 'https://indexer.example', privateKey: storageKey, limits: {} },
  })
  const flow = '0x22E03a6A89B950F1c82ec5e74F8eCa321a105296'
  const limits = { COMPUTEPOOL_STORAGE_FLOW: flow.toLowerCase(), COMPUTEPOOL_STORAGE_MOST_WEI: '7' }
  expect(parseSettings(args, { COMPUTEPOOL_STORAGE_KEY: storageKey, ...limits }).inft?.storage?.limits).toEqual({
    flow,
    mostWeiPerSector: 7n,
  })
  expect(() =>
    parseSettings(args, { COMPUTEPOOL_STORAGE_KEY: storageKey, COMPUTEPOOL_STORAGE_MOST_WEI: '1e9' }),
  ).toThrow(/^COMPUTEPOOL_STORAGE_MOST_WEI is "1e9"/)
  const short = storageKey.slice(0, -2)
  expect(() => parseSettings(args, { COMPUTEPOOL_STORAGE_KEY: short })).toThrow(/^((?!abab).)*$/)
  const keys = { COMPUTEPOOL_SETTLER_KEY: storageKey, COMPUTEPOOL_KEEPER_KEY: storageKey }
  expect(parseSettings(['--chain', '0g-galileo'], keys).inft).toBeNull()
  expect(() => parseSettings(['--chain', '0g-galileo', '--private'], keys)).toThrow(/needs the pool's token/)
})
