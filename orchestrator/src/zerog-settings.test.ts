/** What has to be said before a pool serves 0G Compute's clients. */
import { expect, it } from 'vitest'
import { parseSettings } from './settings.ts'

const key = `0x${'7a'.repeat(32)}`
const asked = ['--zerog-provider', '0g-galileo']
const onChain = [...asked, '--chain', '0g-galileo']
const environment = { COMPUTEPOOL_ZEROG_KEY: key, COMPUTEPOOL_SETTLER_KEY: key, COMPUTEPOOL_KEEPER_KEY: key }
const zerogOf = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  parseSettings(args, { ...environment, ...more }).zerog

it('serves 0G Compute only with a provider’s key, which no message repeats', () => {
  expect(parseSettings([], { COMPUTEPOOL_ZEROG_KEY: key }).zerog).toBeNull()
  expect(zerogOf(onChain)).toEqual({ chain: '0g-galileo', serving: null, key })
  expect(() => parseSettings(asked, {})).toThrow('COMPUTEPOOL_ZEROG_KEY must be')
  expect(() => parseSettings(['--zerog-contract', `0x${'11'.repeat(20)}`], {})).toThrow('without --zerog-provider')
  expect(() => parseSettings(asked, { COMPUTEPOOL_ZEROG_KEY: 'my secret' })).toThrow(/^((?!my secret).)*$/)
})

it('does not give answers away beside 0G’s users who pay, unless that is said', () => {
  for (const chain of ['0g-galileo', '0g-mainnet', 'https://rpc.example.org']) {
    expect(() => zerogOf(['--zerog-provider', chain])).toThrow('--chain is embedded')
    expect(() => zerogOf(['--zerog-provider', chain, '--chain', 'embedded'])).toThrow('--chain is embedded')
    expect(zerogOf(['--zerog-provider', chain, '--free'])).toMatchObject({ chain })
  }
  expect(zerogOf(['--zerog-provider', 'http://127.0.0.1:8545'])).toMatchObject({ chain: 'http://127.0.0.1:8545' })
})

it('asks the provider’s chain where the pool’s own is asked, and no other chain there', () => {
  const at = (url: string) => ({ COMPUTEPOOL_RPC_URL: url })
  const url = 'https://rpc.example.org/key'
  expect(zerogOf(onChain, at(url))).toMatchObject({ chain: '0g-galileo', rpcUrl: url })
  expect(zerogOf([...asked, '--free'], at(url))).toMatchObject({ rpcUrl: url })
  expect(zerogOf([...asked, '--chain', '0g-mainnet'], at(url))).not.toHaveProperty('rpcUrl')
  expect(() => zerogOf([...asked, '--free'], at('rpc key'))).toThrow(/^((?!rpc key).)*$/)
})

it('takes the provider’s cut and when operators are paid, and nothing that is neither', () => {
  expect(zerogOf([...onChain, '--zerog-cut', '2.55', '--zerog-payout-at', '0.5'])).toMatchObject({
    ...{ cutBasisPoints: 255, pay: { atNeuron: 5n * 10n ** 17n } },
  })
  for (const bad of ['-1', '100.01', '2.555', 'ten', '']) {
    expect(() => zerogOf([...onChain, `--zerog-cut=${bad}`])).toThrow('--zerog-cut is')
  }
  for (const bad of ['0', '0.0', '-1', '1e3']) {
    expect(() => zerogOf([...onChain, `--zerog-payout-at=${bad}`])).toThrow('--zerog-payout-at is')
  }
  expect(() => parseSettings(['--zerog-cut', '1'], {})).toThrow('without --zerog-provider')
})
