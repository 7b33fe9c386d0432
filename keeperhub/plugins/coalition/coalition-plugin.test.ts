/** The plugin's cores against a real Coalition on anvil, each organisation with a wallet of its own; and what its form promises. */
import { readFileSync } from 'node:fs'
import { coalitionAbi as contractAbi } from '@computepool/contracts/abi'
import { openTestChain, type TestChain, testAccount } from '@computepool/contracts/testing'
import {
  type Abi,
  type AbiFunction,
  BaseError,
  ContractFunctionRevertedError,
  type Hex,
  keccak256,
  type PrivateKeyAccount,
  parseEther,
  toHex,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plain, readContractCall, structureResult } from '../../../orchestrator/src/keeper/contract-call.ts'
import {
  bondAtomic,
  openTestCoalition,
  stakeAtomic,
  type TestCoalition,
} from '../../../orchestrator/testing/keeper-coalition.ts'
import { actions } from './actions.ts'
import { coalitionAbi } from './coalition-abi.ts'
import type { CoalitionPort, TypedData } from './coalition-port.ts'
import { accuseCore } from './steps/accuse-core.ts'
import { activateCore } from './steps/activate-core.ts'
import { awaitQuorumCore } from './steps/await-quorum-core.ts'
import { checkStatusCore } from './steps/check-status-core.ts'
import { leaveCore } from './steps/leave-core.ts'
import { proposeCore } from './steps/propose-core.ts'
import { resolveCore } from './steps/resolve-core.ts'
import { respondCore } from './steps/respond-core.ts'
import { signCore } from './steps/sign-core.ts'
import { voteCore } from './steps/vote-core.ts'

const farAhead = '4000000000'
const evidenceHash = keccak256(toHex('evidence'))

let chain: TestChain
let coalition: TestCoalition
let sent = 0

beforeAll(async () => {
  chain = await openTestChain()
  const nowhere = testAccount('vault').address
  coalition = await openTestCoalition(chain, { vault: nowhere, pool: nowhere })
  const wallets = [...chain.accounts.operators, ...coalition.auditors]
  for (const { address } of wallets) await chain.testClient.setBalance({ address, value: parseEther('10') })
}, 240_000)
afterAll(() => chain?.close())

/** An organisation: what upstream's port does, with viem and this wallet. */
function portOf(account: PrivateKeyAccount, more: Partial<CoalitionPort> = {}): CoalitionPort {
  const wallet = chain.wallet(account)
  const callOf = (abiFunction: string, args: readonly unknown[]) =>
    readContractCall({
      contractAddress: coalition.address,
      abi: JSON.stringify(coalitionAbi),
      abiFunction,
      functionArgs: JSON.stringify(args),
    })
  return {
    chainId: chain.chain.id,
    coalition: coalition.address,
    async read(abiFunction, functionArgs) {
      try {
        const { address, abi, fragment, args } = callOf(abiFunction, functionArgs)
        const value = await chain.publicClient.readContract({ address, abi, functionName: fragment.name, args })
        return { success: true, result: structureResult(value, fragment) }
      } catch (thrown) {
        return { success: false, error: reasonOf(thrown) }
      }
    },
    async write(abiFunction, functionArgs) {
      try {
        const { address, abi, fragment, args } = callOf(abiFunction, functionArgs)
        const call = { address, abi, functionName: fragment.name, args, account }
        await chain.publicClient.simulateContract(call)
        const { transactionHash } = await wallet.writeContractSync(call)
        sent++
        return { success: true, transactionHash }
      } catch (thrown) {
        return { success: false, error: reasonOf(thrown) }
      }
    },
    async sign(typedData) {
      // As it crosses to a wallet that is far away.
      const { domain, types, primaryType, message } = JSON.parse(JSON.stringify(typedData)) as TypedData
      const signature = await account.signTypedData({ domain, types, primaryType, message } as never)
      return { success: true, signature, signer: account.address }
    },
    walletAddress: async () => account.address,
    nowSeconds: () => 0,
    pause: async () => {},
    ...more,
  }
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof BaseError)) return String(thrown)
  const reverted = thrown.walk(error => error instanceof ContractFunctionRevertedError)
  return reverted instanceof ContractFunctionRevertedError ? (reverted.data?.errorName ?? '') : thrown.shortMessage
}

/** How many transactions the work sent. */
async function counting<T>(work: () => Promise<T>): Promise<[T, number]> {
  const before = sent
  const result = await work()
  return [result, sent - before]
}

const two = (): [PrivateKeyAccount, PrivateKeyAccount] =>
  chain.accounts.operators.slice(0, 2) as [PrivateKeyAccount, PrivateKeyAccount]

async function form(): Promise<{ coalitionId: string; culprit: PrivateKeyAccount; honest: PrivateKeyAccount }> {
  const [culprit, honest] = two()
  const coalitionId = String(await coalition.propose([culprit, honest]))
  expect(await activateCore({ coalitionId }, portOf(chain.accounts.stranger))).toMatchObject({ success: true })
  return { coalitionId, culprit, honest }
}

async function accusation(coalitionId: string, accused: PrivateKeyAccount, evidence = evidenceHash) {
  const accuser = chain.accounts.payers[0] as PrivateKeyAccount
  const subject = {
    id: BigInt(coalitionId),
    accused: accused.address,
    reason: 'wrong-output',
    session: `0x${'0'.repeat(64)}`,
    evidenceHash: evidence,
  } as const
  return {
    ...subject,
    coalitionId,
    session: '',
    evidenceUri: 'https://pool.example/evidence',
    accuser: accuser.address,
    bondAtomic: String(bondAtomic),
    bondSignature: await coalition.bond(accuser, subject),
    bondValidBefore: farAhead,
  }
}

describe('the coalition plugin', () => {
  it('carries a coalition from terms to an active state, each step safe to repeat', async () => {
    const [first, second] = two()
    const terms = plain(await coalition.termsOf([first, second])) as Record<string, unknown>
    const consents: unknown[] = []
    for (const party of [first, second]) {
      const asked = await signCore(
        { terms: JSON.stringify(terms), mostStakeAtomic: String(stakeAtomic) },
        portOf(party),
      )
      if (!asked.success) throw new Error(asked.error)
      const stakeSignature = await coalition.authorize(party, stakeAtomic, asked.stakeNonce as Hex)
      const signed = await signCore({ terms, stakeSignature, stakeValidBefore: farAhead }, portOf(party))
      if (!signed.success) throw new Error(signed.error)
      consents.push(signed.consent)
    }
    const stranger = portOf(chain.accounts.stranger)
    const early = await proposeCore({ terms, consents: consents.slice(0, 1) }, stranger)
    if (!early.success) throw new Error(early.error)
    expect(early).toMatchObject({ wasProposed: false, consentsTaken: 1 })
    const { coalitionId } = early
    expect(await activateCore({ coalitionId }, stranger)).toEqual({ success: false, error: 'ConsentMissing' })
    const late = await proposeCore({ terms, consents: JSON.stringify(consents) }, stranger)
    expect(late).toMatchObject({ success: true, coalitionId, wasProposed: true, consentsTaken: 1 })
    expect(await checkStatusCore({ coalitionId }, stranger)).toMatchObject({
      state: 'proposed',
      isReady: true,
      memberCount: 2,
      partyCount: 2,
      parties: [
        { operator: first.address, units: '100', stakeAtomic: String(stakeAtomic), isMember: true },
        { operator: second.address, units: '101', isMember: true },
      ],
    })
    expect(await activateCore({ coalitionId }, stranger)).toMatchObject({ success: true, wasActive: false })

    const [again, sentAgain] = await counting(async () => [
      await proposeCore({ terms, consents }, stranger),
      await activateCore({ coalitionId }, stranger),
    ])
    expect(again).toMatchObject([
      { success: true, coalitionId, wasProposed: true, consentsTaken: 0, transactionHash: null },
      { success: true, wasActive: true, transactionHash: null },
    ])
    expect(sentAgain).toBe(0)
  })

  it('signs nothing that its organisation did not agree to', async () => {
    const [first] = two()
    const terms = plain(await coalition.termsOf([first]))
    const refusals = [
      await signCore({ terms, mostStakeAtomic: '1' }, portOf(first)),
      await signCore({ terms, expectedVault: chain.accounts.owner.address }, portOf(first)),
      await signCore({ terms }, portOf(chain.accounts.stranger)),
      await signCore({ terms: '{' }, portOf(first)),
    ]
    const words = ['asks? for a stake|ask for a stake', 'name the vault', 'is no party', 'is no JSON']
    for (const [at, refusal] of refusals.entries()) {
      expect(refusal).toEqual({ success: false, error: expect.stringMatching(words[at] ?? '') })
    }
  })

  it('accuses once, answers, lets a quorum of organisations decide, and settles once', async () => {
    const { coalitionId, culprit, honest } = await form()
    const keeper = portOf(chain.accounts.stranger)
    const input = await accusation(coalitionId, culprit)
    const opened = await accuseCore(input, keeper)
    if (!opened.success) throw new Error(opened.error)
    expect(opened.wasOpen).toBe(false)
    const { disputeId } = opened
    expect(await counting(() => accuseCore(input, keeper))).toMatchObject([{ disputeId, wasOpen: true }, 0])

    const answer = { disputeId, responseHash: keccak256(toHex('answer')) }
    expect(await respondCore(answer, portOf(honest))).toMatchObject({ success: false })
    expect(await respondCore(answer, portOf(culprit))).toMatchObject({ success: true })
    await chain.passSeconds(1)
    expect(await resolveCore({ disputeId }, keeper)).toEqual({
      success: false,
      error: expect.stringContaining('has no verdict'),
    })

    const [one, other, third] = coalition.auditors.map(auditor => portOf(auditor)) as [
      CoalitionPort,
      CoalitionPort,
      CoalitionPort,
    ]
    const ballot = { disputeId, isGuilty: 'true', evidenceHash }
    const blind = { ...ballot, evidenceHash: keccak256(toHex('other')) }
    expect(await voteCore(blind, one)).toEqual({ success: false, error: expect.stringContaining('not 0x') })
    expect(await voteCore(ballot, one)).toMatchObject({ wasCast: true, verdict: 'open', guiltyVotes: 1, quorum: 2 })
    expect(await counting(() => voteCore(ballot, one))).toMatchObject([{ success: true, wasCast: false }, 0])
    expect(await awaitQuorumCore({ disputeId, timeoutSeconds: '0' }, keeper)).toMatchObject({
      isReached: false,
      verdict: 'open',
    })

    // The second votes while the keeper waits.
    const waiting = portOf(chain.accounts.stranger, {
      async pause() {
        await voteCore(ballot, other)
      },
    })
    expect(await awaitQuorumCore({ disputeId }, waiting)).toMatchObject({
      isReached: true,
      verdict: 'guilty',
      guiltyVotes: 2,
    })
    expect(await voteCore(ballot, third)).toMatchObject({ wasCast: false, verdict: 'guilty' })
    expect(await resolveCore({ disputeId }, keeper)).toMatchObject({ verdict: 'guilty', wasSettled: false })
    expect(await coalition.stakeOf(BigInt(coalitionId), culprit.address)).toMatchObject({
      amountAtomic: 0n,
      isGuilty: true,
    })
    expect(await counting(() => resolveCore({ disputeId }, keeper))).toMatchObject([{ wasSettled: true }, 0])
  })

  it('closes a dispute that nobody decided, and gives the bond back', async () => {
    const { coalitionId, culprit } = await form()
    // On other evidence: on the same one it was found guilty above.
    const input = await accusation(coalitionId, culprit, keccak256(toHex('evidence of another breach')))
    const opened = await accuseCore(input, portOf(chain.accounts.stranger))
    if (!opened.success) throw new Error(opened.error)
    await chain.passSeconds(700)
    const keeper = portOf(chain.accounts.stranger, { nowSeconds: () => opened.voteUntil + 1 })
    const resolved = await resolveCore({ disputeId: opened.disputeId }, keeper)
    expect(resolved).toMatchObject({ success: true, verdict: 'undecided', closeTransactionHash: expect.any(String) })
    expect(await coalition.stakeOf(BigInt(coalitionId), culprit.address)).toMatchObject({ amountAtomic: stakeAtomic })
  })

  it('leaves once, and tells when the stake is free', async () => {
    const { coalitionId, honest } = await form()
    const left = await leaveCore({ coalitionId }, portOf(honest))
    if (!left.success) throw new Error(left.error)
    expect(left.hadLeft).toBe(false)
    expect(BigInt(left.releasableAt)).toBeGreaterThan(await chain.now())
    const { releasableAt } = left
    expect(await counting(() => leaveCore({ coalitionId }, portOf(honest)))).toMatchObject([
      { hadLeft: true, releasableAt },
      0,
    ])
    expect(await leaveCore({ coalitionId }, portOf(chain.accounts.stranger))).toMatchObject({ success: false })
  })
})

describe('the plugin’s form', () => {
  it('has the contract’s own ABI', () => {
    const bare = (entry: AbiFunction) => ({
      ...entry,
      outputs: entry.outputs.length === 1 ? entry.outputs.map(output => ({ ...output, name: '' })) : entry.outputs,
    })
    const own = coalitionAbi as unknown as Abi
    for (const entry of own) {
      const real = (contractAbi as Abi).find(
        each => each.type === entry.type && 'name' in each && 'name' in entry && each.name === entry.name,
      )
      if (entry.type === 'function') expect(entry).toEqual(bare(real as AbiFunction))
      else expect(entry).toEqual(real)
    }
    const errors = (abi: Abi) =>
      abi.filter(({ type }) => type === 'error').map(entry => ('name' in entry ? entry.name : ''))
    expect(errors(own)).toEqual(errors(contractAbi as Abi))
  })

  it.each(actions.map(action => [action.slug, action] as const))(
    'tells of %s what its step takes and gives',
    (slug, action) => {
      const step = readFileSync(new URL(`./steps/${action.stepImportPath}.ts`, import.meta.url), 'utf8')
      expect(step).toContain(`export async function ${action.stepFunction}(`)
      expect(step).toContain(`${action.stepFunction}.maxRetries = 0`)
      const core = readFileSync(new URL(`./steps/${slug}-core.ts`, import.meta.url), 'utf8')
      for (const { key } of action.configFields.slice(2)) expect(core).toContain(`input.${key}`)
      for (const { field } of action.outputFields) expect(`${core} error`).toContain(field)
    },
  )
})
