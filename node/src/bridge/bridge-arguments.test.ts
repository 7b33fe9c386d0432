import { describe, expect, it } from 'vitest'
import { readBridgeArguments } from './bridge-arguments.ts'

const read = (args: string[], env: Record<string, string> = {}) => readBridgeArguments(args, { HOME: '/h', ...env })

describe('the arguments of a bridge', () => {
  it('take an empty variable for none', () => {
    const empty = { COMPUTEPOOL_DATA: '', COMPUTEPOOL_URL: '', COMPUTEPOOL_AXL: '' }
    expect(read([], empty).settings).toEqual(read([]).settings)
  })

  it('have defaults, which the environment changes and options override', () => {
    expect(read([]).settings).toMatchObject({ url: 'http://localhost:8080', axlUrl: 'http://127.0.0.1:9002' })
    const env = {
      COMPUTEPOOL_URL: 'https://pool.example/x',
      COMPUTEPOOL_AXL: 'http://10.0.0.2:9012',
      COMPUTEPOOL_DATA: '/d',
    }
    expect(read([], env).settings).toMatchObject({
      url: 'https://pool.example',
      axlUrl: 'http://10.0.0.2:9012',
      dataDir: '/d',
    })
    expect(read(['--url', 'http://a.test', '--axl', 'http://127.0.0.1:1'], env).settings).toMatchObject({
      url: 'http://a.test',
      axlUrl: 'http://127.0.0.1:1',
    })
    expect(read(['http://b.test', '--no-axl', '--json'], env)).toMatchObject({
      json: true,
      settings: { url: 'http://b.test', axlUrl: null },
    })
  })

  it.each([
    [['--axl', 'tcp://x'], /no http or https address/],
    [['--axl', 'http://127.0.0.1:1', '--no-axl'], /exclude each other/],
    [['http://a.test', 'http://b.test'], /takes one URL/],
    [['--url', 'http://a.test', 'http://b.test'], /takes one URL/],
    [['--key', '0x12'], /Unknown option '--key'/],
  ])('refuse %j in words', (args, words) => {
    expect(() => read(args)).toThrow(words)
    expect(() => read(args)).toThrow(expect.objectContaining({ code: 'input_invalid' }))
  })
})
