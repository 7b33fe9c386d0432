/**
 * Votes for an auditor: looks at a pool's disputes, takes from the chain what each is about, replays the evidence by oneself, and signs what
 * came of it. It believes the pool nothing: the signed word holds the evidence's hash, and the accused is read from the registry. It does
 * not vote on what it cannot judge, nor where one of its keys is involved. A vote goes to the chain by its auditor's own keeper, at registries that its
 * owner named, or by the pool.
 */
import { coalitionAbi } from '@computepool/contracts/abi'
import type { PeerKey } from '@computepool/peer/runtime/peer-powers.ts'
import type { EvidenceBundle, EvidenceVerdict } from '@computepool/shared/audit'
import { breachReasons, type CoalitionPlace, type VoteWord, voteTypedData } from '@computepool/shared/coalition'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { type DisputeView, disputesSchema, moneyTermsSchema } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { createPublicClient, type Hex, http, isAddressEqual, type PublicClient } from 'viem'
import { fetchBundle } from './audit/fetch-bundle.ts'
import { type KeptConvictions, keepConvictions } from './auditor/kept-convictions.ts'
import { castTransaction, standingOf } from './auditor/vote-on-chain.ts'

/** What a bundle proves; `unjudged` where nobody can say. */
export type JudgeBundle = (bundle: EvidenceBundle, signal: AbortSignal) => Promise<EvidenceVerdict>

/** An auditor's own organisation at a keeper, whose runs cast its votes. */
export interface OwnKeeper {
  /** One run for one vote, however often it is asked for. It rejects only where `signal` is aborted. */
  cast(
    word: VoteWord,
    place: CoalitionPlace,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'ended'; readonly transactions: readonly string[]; readonly why: string }
    | { readonly kind: 'failed'; readonly why: string }
  >
}

export interface AuditorVotesOptions {
  /** Of the pool. */
  readonly origin: string
  /** Registered auditors'. Others are passed over. */
  readonly keys: readonly Pick<PeerKey, 'address' | 'signTypedData'>[]
  readonly judge: JudgeBundle
  readonly clock: Clock
  /** By the auditor's address, lower case. One that is not among them has its votes relayed by the pool. */
  readonly keepers?: ReadonlyMap<string, OwnKeeper>
  /** Lower case: where those keepers cast votes, and pay for them. A pool lists any contract that it likes. Default: nowhere. */
  readonly registries?: readonly string[]
  /** Default: where the pool says that its chain is; no own keeper goes by that. Somebody else's says what a pool that lies would not. */
  readonly rpcUrl?: string | undefined
  /** Attempts that were found to be a cheat's, and the bundle that showed it first. Default: forgotten with the process. */
  readonly convictions?: KeptConvictions
  /** Default 3000. */
  readonly pollMs?: number
  readonly fetch?: typeof globalThis.fetch
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: ComputePoolError) => void
}

export interface AuditorVotes {
  /** Looks now; resolves when every vote that could be cast was. */
  look(): Promise<void>
  close(): Promise<void>
}

type OnChain = NonNullable<DisputeView['onChain']>
type Auditor = AuditorVotesOptions['keys'][number]

const answerBytes = 2 << 20
const deadlineMs = 30_000
/** The pool waits for its keeper, and sends it by itself after that. */
const voteWithinMs = 90_000
/** KeeperHub takes up to 90 seconds a run. After that, or half the time that is left to vote, the pool is asked. */
const runWithinMs = 120_000
/** Evidence that was not there, or was something else, may be there later. */
const missingAgainMs = 60_000

/** Looks by itself from now on. */
export function startAuditorVotes(options: AuditorVotesOptions): AuditorVotes {
  const { origin, judge, clock, pollMs = 3000, fetch = globalThis.fetch, onNotice, onFault } = options
  const auditors = options.keys
  const stopping = new AbortController()
  const { signal } = stopping
  /** Disputes in which nothing is left to do, by registry, number and address. */
  const done = new Set<string>()
  /** What the replay said; null: nothing that can be voted on. */
  const judged = new Map<string, boolean | null>()
  /** Evidence that was not there: when to look again, by the monotonic clock. */
  const missing = new Map<string, number>()
  const { convictions = keepConvictions(null) } = options
  /** Both what is there and where is not the pool's word. */
  const paidFor = new Set(options.rpcUrl === undefined ? [] : options.registries)
  let isOtherTold = false
  let chain: PublicClient | null = null
  let looking: Promise<void> | null = null
  let cancel = (): void => {}

  async function look(): Promise<void> {
    const { disputes } = disputesSchema.parse(await askPool('/api/disputes'))
    // Oldest first: of two about the same work the first counts.
    for (const dispute of disputes.toReversed()) {
      if (signal.aborted) return
      const { onChain, state } = dispute
      if (state !== 'voting' || !onChain) continue
      await voteIn(dispute, onChain).catch(tell)
    }
  }

  async function voteIn(view: DisputeView, onChain: OnChain): Promise<void> {
    const keyOf = ({ address }: Auditor) => `${onChain.registry} ${onChain.dispute} ${address}`
    const waiting = auditors.filter(auditor => !done.has(keyOf(auditor)))
    if (waiting.length === 0) return
    const dispute = BigInt(onChain.dispute)
    const client = await openChain(onChain.chainId)
    const contract = { address: onChain.registry as Hex, abi: coalitionAbi } as const
    const [said, registered] = await Promise.all([
      client.readContract({ ...contract, functionName: 'disputeOf', args: [dispute] }),
      client.readContract({ ...contract, functionName: 'auditors' }),
    ])
    if (said.verdict !== 0) return
    const voters: Auditor[] = []
    for (const auditor of waiting) {
      const { address } = auditor
      if (!registered.some(one => isAddressEqual(one, address))) continue
      const stake = await client.readContract({ ...contract, functionName: 'stakeOf', args: [said.coalition, address] })
      const isParty = stake.isMember || stake.amountAtomic > 0n || stake.releasableAt > 0n
      if (isParty || isAddressEqual(said.accuser, address)) continue
      voters.push(auditor)
    }
    if (voters.length === 0) return
    const isGuilty = await judgeOnce(view, said)
    if (isGuilty === null) return
    const place = { chainId: onChain.chainId, coalition: onChain.registry.toLowerCase() as Hex }
    const words = { dispute, isGuilty, evidenceHash: said.evidenceHash }
    const leftMs = (Number(said.voteUntil) * 1000 - clock.wallMs()) / 2
    const withinMs = Math.min(runWithinMs, Math.max(0, leftMs))
    const cast = async (auditor: Auditor): Promise<() => Promise<void>> => {
      const signature = await auditor.signTypedData(voteTypedData(place, words))
      const word = { dispute, isGuilty, auditor: auditor.address.toLowerCase() as Hex, signature }
      const keeper = options.keepers?.get(word.auditor)
      if (keeper !== undefined && !paidFor.has(place.coalition)) tellOther(place.coalition)
      else if (keeper !== undefined) {
        const how = await castByOwn(keeper, client, { word, place, withinMs })
        if (how === 'done') done.add(keyOf(auditor))
        if (how !== 'not') return async () => {}
      }
      return async () => {
        const isTaken = await post(`/api/disputes/${view.id}/votes`, { ...word, dispute: onChain.dispute })
        done.add(keyOf(auditor))
        if (isTaken) onNotice(`${voted(word)} by the pool’s relay.`)
      }
    }
    // Side by side where each has its own way; what the pool relays one after the other.
    // What goes wrong with one holds up nobody else's, and is tried again with the next look.
    const relays = voters.map(auditor => cast(auditor).catch(thrown => async () => tell(thrown)))
    for (const relay of relays) await (await relay)().catch(tell)
  }

  function tellOther(registry: string): void {
    if (!isOtherTold)
      onNotice(`${registry} is no registry that was named: votes at such go by the pool’s relay alone, at its cost.`)
    isOtherTold = true
  }

  /** `done`: nothing is left to do. `later`: nothing can be done yet. `not`: its keeper did not do it. */
  async function castByOwn(
    keeper: OwnKeeper,
    client: PublicClient,
    { word, place, withinMs }: { word: VoteWord; place: CoalitionPlace; withinMs: number },
  ): Promise<'done' | 'later' | 'not'> {
    const before = await standingOf(client, place, word)
    if (before === 'early') return 'later'
    // One that a killed process sent, or that came after the verdict. What the chain refuses the pool says no to as well.
    if (before === 'cast' || before === 'decided') return 'done'
    if (before === 'costly')
      onNotice(`${place.coalition} asks for more gas than votes take: its own keeper does not pay that.`)
    if (before !== 'open') return 'not'
    const outcome = await keeper.cast(word, place, withinMs, signal)
    const ours = outcome.kind === 'ended' ? await castTransaction(client, place, word, outcome.transactions) : null
    if (ours !== null) {
      onNotice(`${voted(word)} by a run of its own keeper (${ours.hash}, ${ours.gas} for gas).`)
      return 'done'
    }
    const after = await standingOf(client, place, word)
    if (after === 'cast' || after === 'decided') return 'done'
    onNotice(
      `${word.auditor}’s own keeper did not cast its vote in dispute ${word.dispute}: ${outcome.why}. The pool is asked.`,
    )
    return 'not'
  }

  const voted = ({ auditor, isGuilty, dispute }: VoteWord): string =>
    `${auditor} voted ${isGuilty ? 'guilty' : 'innocent'} in dispute ${dispute}`

  async function judgeOnce(view: DisputeView, said: { evidenceHash: Hex; accused: Hex; reason: number }) {
    const name = `${said.evidenceHash} ${said.accused} ${said.reason}`
    const known = judged.get(name)
    if (known !== undefined) return known
    if (clock.monotonicMs() < (missing.get(name) ?? 0)) return null
    const reason = breachReasons[said.reason]
    // Another breach is not shown by rows that can be computed again.
    const isReplayable = reason === 'wrong-output' || reason === 'broken-receipts'
    const verdict = isReplayable ? await judgeBundle(view, said).catch(ofOtherVersion) : null
    if (verdict === 'missing') {
      if (!missing.has(name)) onNotice(`Dispute ${view.onChain?.dispute}: its evidence is not there.`)
      missing.set(name, clock.monotonicMs() + missingAgainMs)
      return null
    }
    judged.set(name, verdict)
    if (verdict === null) onNotice(`Dispute ${view.onChain?.dispute}: this auditor cannot judge it, and does not vote.`)
    return verdict
  }

  /** Whoever has the release for it votes. */
  function ofOtherVersion(thrown: unknown): null {
    const { code, message, remedy } = asComputePoolError(thrown)
    if (code !== 'input_version_unsupported') throw thrown
    onNotice(`${message} ${remedy}`)
    return null
  }

  async function judgeBundle(
    { evidence }: DisputeView,
    said: { evidenceHash: Hex; accused: Hex },
  ): Promise<boolean | null | 'missing'> {
    const bundle =
      evidence === null
        ? null
        : await fetchBundle({ ...{ origin, fetch, signal }, path: evidence.path, sha256: said.evidenceHash.slice(2) })
    if (bundle === null) return 'missing'
    // Whoever is accused of what another did is accused of nothing.
    if (!isAddressEqual(bundle.header.accused.peer.slice(0, 42) as Hex, said.accused)) return false
    const { verdict } = await judge(bundle, signal)
    if (verdict === 'unjudged') return null
    if (verdict !== 'cheated' && verdict !== 'unpaired') return false
    // The registry tells breaches apart by their bundles' hashes: of two bundles about one attempt the second is not voted on.
    const attempt = bundle.header.attempts.at(-1)!.receipt.signature
    const first = convictions.firstOf(attempt, said.evidenceHash.toLowerCase() as Hex)
    return first === said.evidenceHash.toLowerCase() ? true : null
  }

  async function openChain(chainId: number): Promise<PublicClient> {
    if (chain === null) {
      const url = options.rpcUrl ?? (await rpcOfPool())
      chain = createPublicClient({ transport: http(url), cacheTime: 0 })
    }
    const found = await chain.getChainId()
    if (found === chainId) return chain
    throw new ComputePoolError(
      'chain_wrong',
      `The pool's disputes are on chain ${chainId}; the endpoint is of ${found}.`,
      {
        remedy: 'Give the RPC of the pool’s chain.',
      },
    )
  }

  async function rpcOfPool(): Promise<string> {
    const terms = moneyTermsSchema.parse(await askPool('/api/money'))
    if (terms.mode === 'paid') return terms.chain.rpcUrl
    throw new ComputePoolError('chain_unavailable', `The pool at ${origin} has no chain.`, { remedy: 'Give an RPC.' })
  }

  const askPool = async (path: string): Promise<unknown> => {
    const response = await fetch(new URL(path, origin), {
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
    })
    if (!response.ok || Number(response.headers.get('content-length') ?? 0) > answerBytes)
      throw unheard(path, response.status)
    return response.json()
  }

  /** False where it never will be taken. Errors: `peer_unreachable` where it is worth another try. */
  async function post(path: string, body: object): Promise<boolean> {
    const headers = { 'content-type': 'application/json' }
    const late = new AbortController()
    const cancelLate = clock.schedule(voteWithinMs, () => late.abort(unheard(path, 'nothing in time')))
    try {
      const said = {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, late.signal]),
      }
      const response = await fetch(new URL(path, origin), said)
      await response.body?.cancel()
      if (response.ok) return true
      if (response.status !== 400) throw unheard(path, response.status)
      onNotice(`The pool refused the vote (${response.status}).`)
      return false
    } finally {
      cancelLate()
    }
  }

  const unheard = (path: string, status: number | string): ComputePoolError =>
    new ComputePoolError('peer_unreachable', `${new URL(path, origin)} answered ${status}.`, {
      remedy: 'It is asked again by itself.',
    })
  const tell = (thrown: unknown): void => {
    if (!signal.aborted) onFault(asComputePoolError(thrown))
  }
  const lookOnce = (): Promise<void> => {
    looking ??= look()
      .catch(tell)
      .finally(() => {
        looking = null
      })
    return looking
  }
  const tick = (): void => {
    cancel = clock.schedule(pollMs, () => {
      void lookOnce().then(() => {
        if (!signal.aborted) tick()
      })
    })
  }
  if (auditors.length > 0) tick()

  return {
    look: lookOnce,
    close: async () => {
      stopping.abort()
      cancel()
      await looking
    },
  }
}
