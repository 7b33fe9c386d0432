import { zeroGGalileo } from '@computepool/contracts/chain'
import { defineChain } from 'viem'
import { expect, it } from 'vitest'
import { pageChainOf } from './page-chain.ts'

const origin = 'https://pool.example'
const other = defineChain({
  id: 777,
  name: 'chain 777',
  nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
  rpcUrls: { default: { http: ['https://rpc.example/v3/s3cret'] } },
})

it.each([
  ['a known chain', zeroGGalileo, 'https://rpc.example/v3/s3cret', 'https://evmrpc-testnet.0g.ai', false],
  ['a copy of it on this machine', zeroGGalileo, 'http://127.0.0.1:8545', `${origin}/api/chain`, true],
  ['another chain', other, 'https://me:s3cret@rpc.example/', `${origin}/api/chain`, true],
])('tells pages of %s without the owner’s endpoint', (_name, chain, rpcUrl, told, isProxied) => {
  const page = pageChainOf({ chain, rpcUrl, origin, isEmbedded: false })
  expect(page).toMatchObject({ isProxied, facts: { id: chain.id, rpcUrl: told, isEmbedded: false } })
  expect(JSON.stringify(page)).not.toContain('s3cret')
})

it('leads pages to the chain of our own through our own door', () => {
  const page = pageChainOf({ chain: other, rpcUrl: 'http://127.0.0.1:8545', origin, isEmbedded: true })
  expect(page).toMatchObject({ isProxied: true, facts: { rpcUrl: `${origin}/api/chain`, isEmbedded: true } })
})
