/**
 * A ring of tabs that has answered, and somebody who stands by to compute a seat's work again: for tests of checks. The test is the desk, which
 * knows secrets, receipts and tokens, and sees no activation.
 */
import { commitmentOf, digestOfReceipt, planChecks, type RunCheck } from '@computepool/shared/audit'
import { greedy, type RequestJob, type SamplingParams } from '@computepool/shared/pipeline'
import type { Engine } from '@computepool/shared/ports'
import type { Receipt, SessionKey } from '@computepool/shared/receipts'
import { fakeJob, openFakeEngine } from '@computepool/shared/testing'
import type { CheckedAttempt, CheckTerms, DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { PeerPowers } from '../src/runtime/peer-powers.ts'
import { openPeerPool, type PeerPool, type PoolPeer } from './peer-pool.ts'

export interface CheckStage {
  readonly pool: PeerPool
  readonly tabs: readonly PoolPeer[]
  readonly auditor: PoolPeer
  /** What the desk tells the auditor of the last attempt. */
  readonly command: RunCheck
  /** Tells the seats to hand over, as the desk does: what the accused sent when the auditor has said what it computed itself. */
  handOver(changes?: Partial<Extract<DeskCommand, { type: 'hand-over' }>>): void
  run(changes?: Partial<RunCheck>): void
  reported(): Promise<Of<'check-reported'>>
  /** Asks the auditor to judge that evidence; what it says to it. */
  judged(
    sha256: string,
    changes?: Partial<Extract<DeskCommand, { type: 'judge-evidence' }>>,
  ): Promise<Of<'evidence-judged'>[]>
}

type Of<Type extends DeskRequest['type']> = Extract<DeskRequest, { type: Type }>

export interface StageOptions {
  /** Seats of the ring; 3. */
  readonly seats?: number
  /** Who is checked. */
  readonly seat: number
  readonly cheat?: (engine: Engine) => Engine
  readonly sampling?: SamplingParams
  /** Positions of one engine row at the checked seat. */
  readonly maxChunk?: number
  /** The checked attempt goes on with the cache of one before it. */
  readonly isKept?: boolean
  /** With `isKept`: and that one's cache was cut back to 30 positions, before those that it began with itself. */
  readonly isBranched?: boolean
  /** Another attempt was served before, which the checked one has nothing to do with. */
  readonly isSecond?: boolean
  /** Tokens to draw greedily, by position: a text that repeats itself is guessed ahead. */
  readonly script?: (position: number) => number | null
  readonly maxTokens?: number
  /** What becomes of a frame that a seat sends. */
  readonly sendingAs?: (seat: number, frame: Uint8Array) => Uint8Array
  readonly auditorPowers?: Parameters<PeerPool['open']>[0]
}

const epoch = 1
const secret = 'ab'.repeat(32)
const branchedAt = 30
/** Every seat, to the end. */
const always = { rate: 1, window: 64, windowShare: 0, endShare: 1 }
const prompt = Array.from({ length: 40 }, (_, i) => (i * 29 + 11) % 500)

export const heardBy = <Type extends DeskRequest['type']>(tab: PoolPeer, type: Type): Of<Type>[] =>
  tab.heard.filter((said): said is Of<Type> => said.type === type)

export async function openCheckStage(options: StageOptions): Promise<CheckStage> {
  const {
    seat,
    seats = 3,
    cheat,
    sampling = { ...greedy, temperature: 0.8, seed: 5 },
    maxChunk,
    isKept = false,
    isSecond = false,
    isBranched = false,
  } = options
  const pool = openPeerPool()
  const engineOptions = options.script === undefined ? {} : { script: options.script }
  const openEngine: PeerPowers['openEngine'] = async (_, slice) => {
    const engine = openFakeEngine(slice, { ...engineOptions, ...(maxChunk === undefined ? {} : { maxChunk }) })
    return cheat === undefined ? engine : cheat(engine)
  }
  const tabs = Array.from({ length: seats }, (_, i) =>
    pool.open(
      {
        ...(i === seat ? { openEngine } : {}),
        ...(options.sendingAs === undefined ? {} : { frameSent: (frame: Uint8Array) => options.sendingAs!(i, frame) }),
      },
      engineOptions,
    ),
  )
  const auditor = pool.open(options.auditorPowers, engineOptions)
  for (const tab of [...tabs, auditor]) {
    await pool.until('peer-joined', () => heardBy(tab, 'peer-joined').length > 0)
    pool.offer(tab)
    await pool.untilStatus(tab, 'waiting-for-slice')
  }
  pool.assign(tabs, epoch)
  for (const tab of tabs) await pool.untilStatus(tab, 'serving')

  const terms: CheckTerms = { manifestSha256: pool.manifestSha256, policies: tabs.map(() => always), sampling }
  const nonce = commitmentOf(secret, terms)
  const attempts: CheckedAttempt[] = []
  /** Of the last attempt: the first token that its exit drew. */
  let firstDraw = 0
  let text = prompt
  let reuse: RequestJob['reuse']
  const ids = ['first', ...(isKept || isSecond ? ['second'] : []), ...(isBranched ? ['third'] : [])]
  let reuseOfLast: RequestJob['reuse']
  for (const requestId of ids) {
    reuseOfLast = reuse
    const known = tabs.map(tab => heardBy(tab, 'request-receipted').length)
    const job = fakeJob(requestId, {
      promptTokens: text,
      maxTokens: options.maxTokens ?? 9,
      sampling,
      nonce,
      keepCache: isKept,
      ...(reuse && { reuse }),
    })
    pool.command(tabs[0]!, { type: 'run-request', epoch, job })
    await pool.until('receipts', () => tabs.every((tab, i) => heardBy(tab, 'request-receipted').length > known[i]!))
    const told = heardBy(tabs[0]!, 'token-generated').filter(said => said.requestId === requestId)
    const drawn = told.map(({ sampled }) => sampled.token)
    const receiptOf = (tab: PoolPeer | undefined): Receipt | null => {
      if (tab === undefined) return null
      const { type, ...receipt } = heardBy(tab, 'request-receipted').at(-1)!
      return receipt
    }
    const keyOf = (tab: PoolPeer | undefined): SessionKey | null =>
      (tab && (heardBy(tab, 'peer-joined')[0]!.sessionKey ?? null)) || null
    const positions = text.length + drawn.length - 1
    firstDraw = text.length
    attempts.push({
      requestId,
      coalition: `c${epoch}`,
      epoch,
      positions,
      receipt: receiptOf(tabs[seat])!,
      after: receiptOf(tabs[seat + 1]),
      key: keyOf(tabs[seat])!,
      afterKey: keyOf(tabs[seat + 1]),
      text: seat === 0 ? { tokens: text, position: reuse?.positions ?? 0, told: drawn } : null,
    })
    const isBack = isBranched && requestId === 'second'
    if (!isKept) text = prompt.map(token => (token * 7 + 1) % 500)
    else if (isBack) text = [...text.slice(0, branchedAt), 3, 1, 4, 1, 5, 9, 2, 6]
    else text = [...text, ...drawn, 7, 8, 9, 10, 11, 12]
    if (isKept) reuse = { requestId, positions: isBack ? branchedAt : positions }
  }
  if (!isKept) attempts.splice(0, attempts.length - 1)
  const last = attempts.at(-1)!
  const keptPositions = reuseOfLast?.positions ?? 0
  const [planned] = planChecks({
    secret: Uint8Array.from({ length: 32 }, () => 0xab),
    attempt: last.requestId,
    receiptHeads: tabs.map((_, i) => (i === seat ? digestOfReceipt(last.receipt) : null)),
    positions: last.positions,
    keptPositions,
    firstDraw: at => (at === tabs.length - 1 ? firstDraw : null),
    policies: terms.policies,
  })
  pool.prepare(tabs, auditor, seat, epoch)
  await pool.untilStatus(auditor, 'standing-by')

  const check = `audit:${'0f'.repeat(12)}`
  const accused = tabs[seat]!
  const sentFrom = tabs[seat + 1] ?? accused
  let judgements = 0
  const command: RunCheck = {
    type: 'run-check',
    check,
    epoch,
    layers: last.receipt.layers,
    seat,
    accused: accused.peer(),
    engine: { kind: 'native', dtype: 'f32' },
    attempts,
    receivedFrom: seat === 0 ? null : accused.peer(),
    sentFrom: sentFrom.peer(),
    nonce: 'c0'.repeat(32),
    plan: { secret, terms, positions: last.positions, endPosition: planned!.endPosition, draws: planned!.draws },
    withinMs: 60_000,
    evidence: { path: '/api/evidence', ticket: 'ticket' },
  }
  return {
    pool,
    tabs,
    auditor,
    command,
    handOver(changes = {}) {
      const ask = { type: 'hand-over', check, epoch, to: auditor.peer(), endPosition: planned!.endPosition } as const
      const ids = attempts.map(({ requestId }) => requestId)
      const order = (tab: PoolPeer, as: 'received' | 'sent') =>
        pool.command(tab, {
          ...ask,
          ...(as === 'sent' && planned!.draws !== null ? { draws: planned!.draws } : {}),
          ...{ as, attempts: ids, ...changes },
        })
      if (seat !== 0) order(accused, 'received')
      pool.onHeard((_, said) => {
        if (said.type === 'check-computed' && said.check === check) order(sentFrom, 'sent')
      })
    },
    run: changes => pool.command(auditor, { ...command, ...changes }),
    async reported() {
      await pool.until('a report', () => heardBy(auditor, 'check-reported').length > 0)
      return heardBy(auditor, 'check-reported').at(-1)!
    },
    async judged(sha256, changes = {}) {
      const asked = `audit:${String(++judgements).padStart(24, '0')}`
      const path = `/api/evidence/${sha256}`
      const ask = { type: 'judge-evidence', check: asked, epoch, layers: command.layers, path, sha256 } as const
      pool.command(auditor, { ...ask, withinMs: 60_000, ...changes })
      const said = () => heardBy(auditor, 'evidence-judged').filter(verdict => verdict.check === asked)
      await pool.until('a verdict', () => said().length > 0)
      return said()
    },
  }
}

/** A stage whose check was run, and what came of it. */
export async function checked(
  options: StageOptions,
  changes: Partial<RunCheck> = {},
): Promise<{ stage: CheckStage; report: Of<'check-reported'> }> {
  const stage = await openCheckStage(options)
  stage.handOver()
  stage.run(changes)
  return { stage, report: await stage.reported() }
}
