import { coalitionAbi } from '@computepool/contracts/abi'
import type { CoalitionTerms } from '@computepool/shared/coalition'
import { encodeFunctionData, type Hex } from 'viem'
import { expect, it } from 'vitest'
import { readContractCall } from '../keeper/contract-call.ts'
import { renderJson } from '../keeper/template.ts'
import {
  activateOrder,
  breachOrder,
  type CoalitionOrder,
  membersOf,
  proposeOrder,
  voteOrder,
} from './coalition-orders.ts'
import { relayTo } from './relay-coalition.ts'

const wallet = (digit: string): Hex => `0x${digit.repeat(40)}`
const coalition = wallet('c')
const relay = relayTo(coalition)
const terms: CoalitionTerms = {
  modelDigest: `0x${'ab'.repeat(32)}`,
  layers: 4,
  pool: wallet('8'),
  vault: wallet('9'),
  pricePerSecondAtomic: 1000n,
  stakeAtomic: 2n ** 60n,
  proposalEndsAt: 1_000n,
  endsAt: 2_000n,
  version: 0,
  id: 0n,
  salt: `0x${'01'.repeat(32)}`,
  parties: [
    { operator: wallet('2'), firstLayer: 0, endLayer: 2, units: 400 },
    { operator: wallet('1'), firstLayer: 2, endLayer: 4, units: 600 },
  ],
}
const signature: Hex = `0x${'5a'.repeat(64)}1b`
const consent = {
  operator: wallet('2'),
  termsSignature: signature,
  validAfter: 0n,
  validBefore: 2n ** 64n,
  stakeSignature: signature,
}

/** The calldata that a workflow's step makes of an order, by the runner's own templates. */
function callOf({ input }: CoalitionOrder, abiFunction: string, functionArgs: string): Hex {
  const rendered = renderJson(functionArgs, new Map([['trigger', { label: 'Trigger', data: input }]]))
  const config = { contractAddress: coalition, abi: JSON.stringify(coalitionAbi), abiFunction, functionArgs: rendered }
  const { abi, args } = readContractCall(config)
  return encodeFunctionData({ abi, functionName: abiFunction, args })
}

it('reaches the contract through a workflow’s templates as it does by calldata', () => {
  const proposed = proposeOrder({ terms, consents: [consent] })
  expect(callOf(proposed, 'propose', '[{{@trigger:Trigger.terms}}, {{@trigger:Trigger.consents}}]')).toBe(
    relay.propose(terms, [consent]).data,
  )
  const word = { dispute: 7n, isGuilty: false, auditor: wallet('a'), signature }
  const args = ['dispute_id', 'is_guilty', 'auditor', 'signature'].map(name => `"{{@trigger:Trigger.${name}}}"`)
  expect(callOf(voteOrder(word), 'vote', `[${args.join(', ')}]`)).toBe(relay.vote(word).data)
})

it('orders units of all parties, and after a breach of the others', () => {
  const units = { epoch: 5, members: membersOf(terms.parties) }
  expect(activateOrder({ id: 3n, units })).toEqual({
    workflow: 'activate-and-pool',
    input: {
      coalition_id: '3',
      epoch: '5',
      members: [wallet('1'), wallet('2')],
      units: ['600', '400'],
      outbox_id: '',
      callback_url: '',
      callback_token: '',
    },
  })
  const sessionId = `0x${'0e'.repeat(32)}`
  const rates = [{ sessionId, epoch: 9, rateWei: 10n ** 18n, leaseUntil: 1_700, dueAtomic: 12n }]
  const callback = { outboxId: '41', url: 'https://pool.example/hook', token: 'once' }
  const without = membersOf(terms.parties, [wallet('2').toUpperCase().replace('X', 'x')])
  expect(breachOrder({ dispute: 7n, units: { epoch: 6, members: without }, rates }, callback).input).toEqual({
    dispute_id: '7',
    epoch: '6',
    members: [wallet('1')],
    units: ['600'],
    rates: [
      { session_id: sessionId, epoch: '9', rate_wei: '1000000000000000000', lease_until: '1700', due_atomic: '12' },
    ],
    outbox_id: '41',
    callback_url: 'https://pool.example/hook',
    callback_token: 'once',
  })
})
