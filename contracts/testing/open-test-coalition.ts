/**
 * A test chain with a Coalition on it, its auditors registered, and short ways to found one, accuse and vote; a stranger relays all of
 * it. It expects what it sends to succeed, or to be refused by the error that the caller asks for.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Abi, type Address, BaseError, ContractFunctionRevertedError, type Hex, parseEventLogs } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { coalitionAbi } from '../abi/coalition.ts'
import { artifactOf } from '../build/compile.ts'
import { coalitionSigner, type SignedAccusation, type SignedTerms } from './coalition-signing.ts'
import { openTestChain, type TestChain, type TestChainOptions } from './open-test-chain.ts'
import { testAccount } from './test-accounts.ts'

export const testCoalitionRules = {
  quorum: 2,
  bondAtomic: 1_000_000n,
  accuserCostAtomic: 500_000n,
  responseSeconds: 60,
  voteSeconds: 60,
  unbondingSeconds: 600,
  maxTermSeconds: 86_400,
  /** Wrong output, broken receipts, withheld, false witness. */
  slashBps: [10_000, 5_000, 2_500, 10_000],
}
export type TestCoalitionRules = typeof testCoalitionRules

/** Where no session was harmed, and what stands for a hash that does not matter. */
export const noHash: Hex = `0x${'00'.repeat(32)}`
export const someHash: Hex = `0x${'e5'.repeat(32)}`

export interface TestCoalitionOptions extends TestChainOptions {
  readonly rules?: Partial<TestCoalitionRules> | undefined
}

export type TestCoalition = Awaited<ReturnType<typeof openTestCoalition>>

/** A chain of one's own with a Coalition; close it afterwards. */
export async function openTestCoalition({ rules, ...options }: TestCoalitionOptions = {}) {
  const chain = await openTestChain(options)
  try {
    return { ...chain, ...(await addTestCoalition(chain, rules)) }
  } catch (thrown) {
    await chain.close()
    throw thrown
  }
}

/** Puts a Coalition on a chain that is open already, beside its vaults. Operators, auditors and accusers hold no coins. */
export async function addTestCoalition(chain: TestChain, rules: Partial<TestCoalitionRules> = {}) {
  const { publicClient, accounts, manifest } = chain
  const { owner, stranger } = accounts
  const treasury = testAccount('treasury').address
  const auditors = [0, 1, 2].map(index => testAccount(`auditor ${index}`))
  const accuser = testAccount('accuser')
  const config = { usdc: manifest.contracts.usdc, owner: owner.address, treasury, ...testCoalitionRules, ...rules }
  const { abi, bytecode } = await artifactOf('Coalition')
  const hash = await chain.wallet(owner).deployContract({ abi: abi as Abi, bytecode, args: [config] })
  const { contractAddress } = await publicClient.waitForTransactionReceipt({ hash })
  const address = contractAddress!.toLowerCase() as Address
  const usdc = { address: manifest.contracts.usdc, name: manifest.usdc.name, version: manifest.usdc.version }
  const signer = coalitionSigner({ chainId: chain.chain.id, coalition: address, usdc })

  type Name = string
  async function send(functionName: Name, args: readonly unknown[], from: PrivateKeyAccount = stranger) {
    const call = { address, abi: coalitionAbi as Abi, functionName, args, account: from }
    // Here a refusal has its name; half as much again, because the block may be one of another second.
    const gas = ((await publicClient.estimateContractGas(call)) * 3n) / 2n
    const hash = await chain.wallet(from).writeContract({ ...call, gas })
    const receipt = await publicClient.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success')
      throw new ComputePoolError('chain_reverted', `${functionName} reverted (${hash}).`)
    return { receipt, events: parseEventLogs({ abi: coalitionAbi, logs: receipt.logs }) }
  }

  /** The name of the error that the call is refused with; throws where it is not refused. */
  async function refusal(functionName: Name, args: readonly unknown[], from: PrivateKeyAccount = stranger) {
    try {
      await publicClient.simulateContract({ address, abi: refusals, functionName, args, account: from.address })
    } catch (thrown) {
      const reason = thrown instanceof BaseError && thrown.walk(error => error instanceof ContractFunctionRevertedError)
      if (reason instanceof ContractFunctionRevertedError)
        return reason.data?.errorName ?? reason.signature ?? 'no name'
      throw thrown
    }
    throw new Error(`${functionName} was not refused.`)
  }
  const refusals: Abi = [...coalitionAbi, ...(await artifactOf('TestUsdc')).abi.filter(({ type }) => type === 'error')]

  const read = <T>(functionName: Name, args: readonly unknown[] = []): Promise<T> =>
    publicClient.readContract({ address, abi: coalitionAbi as Abi, functionName, args }) as Promise<T>

  for (const auditor of auditors) await send('setAuditor', [auditor.address, true], owner)

  /** Terms that hold from now on for an hour: one layer a party, and 10 USDC of stake. */
  async function terms(parties: readonly PrivateKeyAccount[], change: Partial<SignedTerms> = {}): Promise<SignedTerms> {
    const now = await chain.now()
    return {
      modelDigest: `0x${'ab'.repeat(32)}`,
      layers: parties.length,
      pool: `0x${'b0'.repeat(20)}`,
      vault: `0x${'5a'.repeat(20)}`,
      pricePerSecondAtomic: 1_000n,
      stakeAtomic: 10_000_000n,
      proposalEndsAt: now + 600n,
      endsAt: now + 3_600n,
      version: 0,
      id: 0n,
      salt: noHash,
      parties: parties.map(({ address: operator }, at) => ({
        ...{ operator, firstLayer: at, endLayer: at + 1, units: 100 },
      })),
      ...change,
    }
  }

  /** Proposed, signed by all, paid and active; each party's stake is made for it. */
  async function found(parties: readonly PrivateKeyAccount[], change: Partial<SignedTerms> = {}) {
    const agreed = await terms(parties, change)
    for (const party of parties) await chain.mintUsdc(party.address, agreed.stakeAtomic)
    const consents = await Promise.all(parties.map(party => signer.consent(party, agreed)))
    await send('propose', [agreed, consents])
    const id = await read<bigint>('coalitionOf', [signer.termsHash(agreed)])
    await send('activate', [id])
    return { id, terms: agreed }
  }

  /** Opens a dispute by `by`, whose bond is made for it; its number. */
  async function accuse(subject: Partial<SignedAccusation> & Pick<SignedAccusation, 'id' | 'accused'>, by = accuser) {
    const bondAtomic = config.bondAtomic
    await chain.mintUsdc(by.address, bondAtomic)
    const full: SignedAccusation = { reason: 0, session: noHash, evidenceHash: someHash, ...subject }
    const bond = await signer.bond(by, full, bondAtomic)
    const { id, accused, reason, session, evidenceHash } = full
    await send('accuse', [id, accused, reason, session, evidenceHash, 'https://evidence.test/1', bond, bondAtomic])
    return read<bigint>('disputeCount')
  }

  /** Votes of the first `quorum` auditors, after the time for an answer. */
  async function decide(dispute: bigint, isGuilty: boolean): Promise<void> {
    const { respondUntil, evidenceHash } = await disputeOf(dispute)
    const left = Number(respondUntil - (await chain.now())) + 1
    if (left > 0) await chain.passSeconds(left)
    for (const auditor of auditors.slice(0, config.quorum)) {
      const signature = await signer.vote(auditor, dispute, isGuilty, evidenceHash)
      await send('vote', [dispute, isGuilty, auditor.address, signature])
    }
  }

  const disputeOf = (dispute: bigint) =>
    publicClient.readContract({ address, abi: coalitionAbi, functionName: 'disputeOf', args: [dispute] })

  return {
    /** The contract's address. */
    coalition: address,
    ...{ config, treasury, auditors, accuser, signer, send, refusal, read, terms, found, accuse, decide, disputeOf },
    stakeOf: (id: bigint, operator: Address) =>
      publicClient.readContract({ address, abi: coalitionAbi, functionName: 'stakeOf', args: [id, operator] }),
    creditOf: (account: Address) => read<bigint>('creditOf', [account]),
  }
}
