/**
 * Takes an auditor's signed vote to the chain, for one that has no keeper of its own or whose keeper cannot. Whether the vote is right is the
 * auditor's: here it is asked whose it is, and whether the contract would count it, before anybody pays gas. Expected refusals are values.
 */
import type { VoteWord } from '@computepool/shared/coalition'
import type { Clock } from '@computepool/shared/ports'
import { verifyVote } from '../coalition/index.ts'
import type { DisputeRow } from '../store/dispute-tables.ts'
import type { DisputeChain } from './dispute-ports.ts'
import { chainSeconds, evidenceHashOf, revertOf } from './dispute-steps.ts'
import { findVote } from './dispute-truth.ts'

export type VoteRefusal =
  /** No vote is taken of it: not on the chain, or decided. */
  | 'not-open'
  | 'other-dispute'
  /** Not one of the registered auditors. */
  | 'not-auditor'
  /** A party of the coalition, or the accuser. */
  | 'involved'
  | 'signature-wrong'
  /** The accused may still answer. */
  | 'too-early'
  | 'too-late'
  /** It said the opposite before. */
  | 'voted-otherwise'
  /** As many are on their way as are taken at once. */
  | 'busy'

export type VoteOutcome =
  | { readonly kind: 'taken'; readonly transaction: string }
  | { readonly kind: 'refused'; readonly why: VoteRefusal }

export interface VoteTakerOptions {
  readonly chain: DisputeChain
  readonly clock: Clock
}

/** Over all disputes: a registry has 32 auditors at most. */
const mostAtOnce = 8
const mostTries = 3
/** The registry's owner changes them seldom, and the contract asks for itself. */
const auditorsForMs = 5000

export function createVoteTaker({ chain, clock }: VoteTakerOptions) {
  const underWay = new Map<string, Promise<VoteOutcome>>()
  let known: { readonly atMs: number; readonly auditors: ReturnType<typeof chain.reader.auditors> } | null = null
  const auditorsNow = () => {
    const atMs = clock.monotonicMs()
    if (known === null || atMs - known.atMs >= auditorsForMs) {
      const asked = { atMs, auditors: chain.reader.auditors() }
      known = asked
      asked.auditors.catch(() => {
        if (known === asked) known = null
      })
    }
    return known.auditors
  }
  const refused = (why: VoteRefusal): VoteOutcome => ({ kind: 'refused', why })

  async function relay(row: DisputeRow, word: VoteWord): Promise<VoteOutcome> {
    const { dispute, auditor, isGuilty } = word
    const fromBlock = BigInt(row.fromBlock!)
    const [seen, now, stake] = await Promise.all([
      chain.reader.disputeOf(dispute),
      chainSeconds({ chain, clock }),
      chain.reader.stakeOf(BigInt(row.coalitionId!), auditor),
    ])
    const isParty = stake.isMember || stake.amountAtomic > 0n || stake.releasableAt > 0n
    if (isParty || seen.accuser === auditor) return refused('involved')
    const before = await findVote(chain, dispute, auditor, fromBlock)
    if (before !== null) {
      return before.isGuilty === isGuilty ? { kind: 'taken', transaction: before.hash } : refused('voted-otherwise')
    }
    if (seen.verdict !== 'open') return refused('not-open')
    if (now <= seen.respondUntil) return refused('too-early')
    if (now > seen.voteUntil) return refused('too-late')
    for (let tries = 0; tries < mostTries; tries++) {
      await send(word)
      const cast = await findVote(chain, dispute, auditor, fromBlock)
      if (cast !== null) return { kind: 'taken', transaction: cast.hash }
      // It may have come to decide after its gas was reckoned, and that takes more: then it is reckoned again.
      if ((await chain.reader.disputeOf(dispute)).verdict !== 'open') break
    }
    return refused('not-open')
  }

  /** By ourselves: whoever sends it, it counts the same. Runs that vote are of the auditors' organisations. */
  async function send(word: VoteWord): Promise<void> {
    const { to, data } = chain.relay.vote(word)
    try {
      await chain.relayer.execute({ to, data })
    } catch (thrown) {
      // A vote that came by its auditor's own keeper meanwhile, or that decided it: the chain is asked next.
      if (revertOf(thrown) === null) throw thrown
    }
  }

  return {
    /** Errors: `chain_unreachable`. */
    async take(row: DisputeRow, word: VoteWord): Promise<VoteOutcome> {
      if (word.dispute.toString() !== row.dispute) return refused('other-dispute')
      if (!(await auditorsNow()).includes(word.auditor)) return refused('not-auditor')
      // A place is taken by whoever signed, and not by naming an auditor.
      if (!(await verifyVote(chain, word, evidenceHashOf(row)))) return refused('signature-wrong')
      const key = `${word.dispute} ${word.auditor}`
      if (underWay.has(key) || underWay.size >= mostAtOnce) return refused('busy')
      const outcome = relay(row, word).finally(() => underWay.delete(key))
      underWay.set(key, outcome)
      return outcome
    },
  }
}
