import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readNodeArguments } from './node-arguments.ts'
import { parseSize, sizeInWords } from './parse-size.ts'

describe('the arguments of a node', () => {
  it('are a URL and what differs from the defaults', () => {
    const env = { INIT_CWD: '/home/me', COMPUTEPOOL_URL: 'https://pool.example/operate' }
    const { command, json, settings } = readNodeArguments(['--memory', '6GB', '--data', 'here'], env)
    expect([command, json]).toEqual(['serve', false])
    expect(settings).toMatchObject({
      url: 'https://pool.example',
      dataDir: '/home/me/here',
      memoryBudgetBytes: 6e9,
      threads: 0,
      engine: null,
      axlUrl: null,
      usesWebRtc: true,
      keystorePath: undefined,
      passwordFile: undefined,
      mostStakeAtomic: 25_000_000n,
      drainMs: 60_000,
    })
    expect(readNodeArguments(['--most-stake', '0'], env).settings.mostStakeAtomic).toBe(0n)
    expect(readNodeArguments(['doctor', 'http://a:1'], env)).toMatchObject({
      command: 'doctor',
      settings: { url: 'http://a:1' },
    })
  })

  it('take an empty variable for none', () => {
    const { settings } = readNodeArguments([], { COMPUTEPOOL_DATA: '', COMPUTEPOOL_URL: '' })
    expect([settings.dataDir, settings.url]).toEqual([join(homedir(), '.computepool'), 'http://localhost:8080'])
  })

  it('say how much is kept for checks, where the environment does', () => {
    const kept = (text: string) => readNodeArguments([], { COMPUTEPOOL_KEPT_BYTES: text }).settings.keptFramesBytes
    expect([kept('4194304'), kept('')]).toEqual([4_194_304, undefined])
    for (const wrong of ['0', '-1', '1.5', '4MiB', '0x40', '9007199254740992', ' '])
      expect(() => kept(wrong)).toThrow(
        expect.objectContaining({
          code: 'input_invalid',
          message: `COMPUTEPOOL_KEPT_BYTES is "${wrong}", which is no size.`,
          remedy: expect.stringContaining('whole number of bytes'),
        }),
      )
  })

  it('offer half of the free memory, and no less than holds a layer', () => {
    const offered = (args: string[], availableBytes: number) =>
      readNodeArguments(args, {}, availableBytes).settings.memoryBudgetBytes
    expect(offered([], 8e9)).toBe(4e9)
    expect(() => offered([], 100e6)).toThrow('Half of the memory that is free is 50.0 MB')
    // It says so itself.
    expect(offered(['doctor'], 100e6)).toBe(50e6)
  })

  it('mean AXL alone where a daemon is named, and both where both are', () => {
    const reach = (...args: string[]) => {
      const { axlUrl, usesWebRtc } = readNodeArguments(args, {}).settings
      return [axlUrl, usesWebRtc]
    }
    expect(reach()).toEqual([null, true])
    expect(reach('--axl', 'http://127.0.0.1:9002')).toEqual(['http://127.0.0.1:9002', false])
    expect(reach('--axl', 'http://127.0.0.1:9002', '--webrtc')).toEqual(['http://127.0.0.1:9002', true])
  })

  it.each([
    [['ftp://x'], '"ftp://x" is no http'],
    [['http://a', 'http://b'], 'got "http://b" too'],
    [['--memory', '10'], '--memory is 10'],
    [['--memory', '6 apples'], '--memory is "6 apples"'],
    [['--threads', '-1'], '--threads'],
    [['--drain-seconds', 'soon'], '--drain-seconds is "soon"'],
    [['--most-stake', '2.5'], '--most-stake is "2.5"'],
    [['--engine', 'tpu'], '--engine is "tpu"'],
    [['--nonsense'], '--nonsense'],
  ])('refuse %j by name', (args, message) => {
    const read = () => readNodeArguments(args, {})
    expect(read).toThrow(expect.objectContaining({ code: 'input_invalid', message: expect.stringContaining(message) }))
  })
})

it('sizes read and write as people do', () => {
  expect(['512MiB', '1.5 gb', '7b', '900000'].map(text => parseSize(text, '--memory'))).toEqual([
    2 ** 29,
    1.5e9,
    7,
    900_000,
  ])
  expect([999, 1.5e6, 480e6, 12.34e9].map(sizeInWords)).toEqual(['1.0 KB', '1.5 MB', '480 MB', '12.3 GB'])
})
