/**
 * A Coalition on a test chain with auditors, stakes and quarrels: what tests of the coalition's workflows begin with. What is sent
 * here a stranger sends, because authority lies in the signatures.
 */
import { coalitionAbi } from '@computepool/contracts/abi'
import { artifactOf } from '@computepool/contracts/build'
import { type TestChain, testAccount } from '@computepool/contracts/testing'
import {
  type BondSubject,
  type CoalitionTerms,
  type Consent,
  type Hex,
  transferTypedData,
  type VoteWord,
} from '@computepool/shared/coalition'
import { type Address, keccak256, type PrivateKeyAccount, toHex, zeroHash } from 'viem'
import { bondNonceOf } from '../src/coalition/hash-terms.ts'
import { type CoalitionCall, relayTo } from '../src/coalition/relay-coalition.ts'
import { signAccusation, signConsent, signResponse, signVote } from '../src/coalition/sign-terms.ts'

export const stakeAtomic = 5_000_000n
export const bondAtomic = 1_000_000n
export const accuserCostAtomic = 500_000n
const quorum = 2
const stakeTimes = { validAfter: 0n, validBefore: 4_000_000_000n }

export type TestCoalition = Awaited<ReturnType<typeof openTestCoalition>>

/** Deploys the registry with three auditors, two of whom decide. Operators hold USDC for many stakes, payers for many bonds. */
export async function openTestCoalition(chain: TestChain, { vault, pool }: { vault: Address; pool: Address }) {
  const { publicClient, accounts, manifest } = chain
  const { usdc } = manifest.contracts
  const auditors = [0, 1, 2].map(index => testAccount(`auditor ${index}`))
  const owner = chain.wallet(accounts.owner)
  const stranger = chain.wallet(accounts.stranger)
  const { abi, bytecode } = await artifactOf('Coalition')
  const config = {
    usdc,
    owner: accounts.owner.address,
    treasury: testAccount('treasury').address,
    quorum,
    bondAtomic,
    accuserCostAtomic,
    responseSeconds: 60,
    voteSeconds: 600,
    unbondingSeconds: 3_600,
    maxTermSeconds: 30 * 86_400,
    slashBps: [10_000, 5_000, 5_000, 10_000],
  }
  const deployed = await publicClient.waitForTransactionReceipt({
    hash: await owner.deployContract({ abi, bytecode, args: [config] }),
  })
  const address = deployed.contractAddress!.toLowerCase() as Hex
  for (const auditor of auditors) {
    const set = { address, abi: coalitionAbi, functionName: 'setAuditor', args: [auditor.address, true] } as const
    await publicClient.waitForTransactionReceipt({ hash: await owner.writeContract(set) })
  }
  for (const operator of accounts.operators) await chain.mintUsdc(operator.address, 10_000_000_000n)

  const place = { chainId: chain.chain.id, coalition: address }
  const token = { address: usdc, name: manifest.usdc.name, version: manifest.usdc.version }
  const relay = relayTo(address)
  const contract = { address, abi: coalitionAbi } as const
  let salts = 0

  async function send({ to, data, functionName }: CoalitionCall): Promise<void> {
    // One call that answers when it is mined: a busy machine may tell a block before its receipts.
    const { status } = await stranger.sendTransactionSync({ to, data, gas: 5_000_000n })
    if (status !== 'success') throw new Error(`${functionName} was refused.`)
  }

  async function termsOf(parties: readonly PrivateKeyAccount[]): Promise<CoalitionTerms> {
    const now = await chain.now()
    return {
      modelDigest: `0x${'11'.repeat(32)}`,
      layers: 4 * parties.length,
      pool,
      vault,
      pricePerSecondAtomic: 1000n,
      stakeAtomic,
      proposalEndsAt: now + 600n,
      endsAt: now + 86_400n,
      version: 0,
      id: 0n,
      salt: `0x${(++salts).toString(16).padStart(64, '0')}`,
      parties: parties.map(({ address: operator }, at) => ({
        operator: operator.toLowerCase() as Hex,
        firstLayer: 4 * at,
        endLayer: 4 * (at + 1),
        units: 100 + at,
      })),
    }
  }

  const consent = (signer: PrivateKeyAccount, terms: CoalitionTerms): Promise<Consent> =>
    signConsent({ signer, place, token }, terms, stakeTimes)
  const consents = (parties: readonly PrivateKeyAccount[], terms: CoalitionTerms): Promise<Consent[]> =>
    Promise.all(parties.map(party => consent(party, terms)))
  const authorize = (
    { address: from, signTypedData }: PrivateKeyAccount,
    amountAtomic: bigint,
    nonce: Hex,
  ): Promise<Hex> => signTypedData(transferTypedData(place, token, { from, amountAtomic, nonce, ...stakeTimes }))
  const count = (): Promise<bigint> => publicClient.readContract({ ...contract, functionName: 'coalitionCount' })
  const disputeOf = (id: bigint) => publicClient.readContract({ ...contract, functionName: 'disputeOf', args: [id] })
  const signedVote = async (signer: PrivateKeyAccount, dispute: bigint, isGuilty: boolean): Promise<VoteWord> => {
    const { evidenceHash } = await disputeOf(dispute)
    return signVote({ signer, place }, { dispute, isGuilty, evidenceHash })
  }

  return {
    address,
    place,
    auditors,
    token,
    relay,
    send,
    termsOf,
    consent,
    consents,
    count,
    disputeOf,
    signedVote,
    /** The transfer of a stake or a bond, good for as long as a test may run. */
    authorize,
    bond: (accuser: PrivateKeyAccount, subject: BondSubject): Promise<Hex> =>
      authorize(accuser, bondAtomic, bondNonceOf(subject)),
    held: () => publicClient.readContract({ ...contract, functionName: 'heldAtomic' }),
    stateOf: (id: bigint) => publicClient.readContract({ ...contract, functionName: 'stateOf', args: [id] }),
    stakeOf: (id: bigint, operator: Address) =>
      publicClient.readContract({ ...contract, functionName: 'stakeOf', args: [id, operator] }),
    creditOf: (account: Address) =>
      publicClient.readContract({ ...contract, functionName: 'creditOf', args: [account] }),
    /** With everybody's consent and stake; its id. */
    async propose(parties: readonly PrivateKeyAccount[]): Promise<bigint> {
      const terms = await termsOf(parties)
      await send(relay.propose(terms, await consents(parties, terms)))
      return count()
    },
    /** An accusation of wrong output, answered at once, so that auditors may vote; the dispute's id. */
    async accuse(
      id: bigint,
      {
        accused,
        accuser,
        session = zeroHash,
      }: { accused: PrivateKeyAccount; accuser: PrivateKeyAccount; session?: Hex },
    ): Promise<bigint> {
      const accusation = {
        id,
        accused: accused.address,
        reason: 'wrong-output',
        session,
        evidenceHash: keccak256(toHex(`evidence ${id}`)),
        evidenceUri: 'https://pool.example/evidence',
        bondAtomic,
        ...stakeTimes,
      } as const
      await send(relay.accuse(await signAccusation({ signer: accuser, place, token }, accusation)))
      const dispute = await publicClient.readContract({ ...contract, functionName: 'disputeCount' })
      const response = { dispute, responseHash: keccak256(toHex('answer')), responseUri: 'https://pool.example/answer' }
      await send(relay.respond(await signResponse({ signer: accused, place }, response)))
      // Votes come after the answer, and not in its second.
      await chain.passSeconds(1)
      return dispute
    },
    /** As many auditors as it takes say so. */
    async decide(dispute: bigint, isGuilty: boolean): Promise<void> {
      for (const auditor of auditors.slice(0, quorum)) {
        await send(relay.vote(await signedVote(auditor, dispute, isGuilty)))
      }
    },
  }
}
