/**
 * One seed of the chaos from the first sign-in to the last timer, and all that was wrong with it. An answer is what one engine alone says,
 * or a beginning of it and one typed error; when all is over nothing is left, of caches, timers, steps or requests.
 */
import type { Clock } from '@computepool/shared/ports'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { RequestObserver } from '../../src/dispatch/index.ts'
import { type AnswerAlone, answerAlone } from './answer-alone.ts'
import { type ChaosBook, createChaosBook } from './chaos-book.ts'
import { askAndRead, type CallerMeter, type ChaosAnswer } from './chaos-caller.ts'
import type { ChaosPack } from './chaos-pack.ts'
import { type ChaosAsk, type ChaosPlan, nextAskOf } from './chaos-plan.ts'
import { type ChaosChecks, type ChaosWorld, type ChaosWorldOptions, openChaosWorld } from './chaos-world.ts'

export interface ChaosReport {
  readonly seed: number
  /** In words; empty where all is well. */
  readonly wrongs: readonly string[]
  /** Of answers that nobody gave up: how many ended whole, and how many by which error. */
  readonly whole: number
  readonly failed: Readonly<Record<string, number>>
  /** Answers that went on elsewhere, each time counted; and positions that kept caches held. */
  readonly moves: number
  readonly cachedTokens: number
  /** Verdicts on receipts of attempts, each counted. */
  readonly receipts: Readonly<Record<string, number>>
  readonly checks: ChaosChecks
  /** How checks ended, as the page is told. */
  readonly checkFigures: PoolSnapshot['checks']
  /** The orchestrator was shut down meanwhile. */
  readonly isShutDown: boolean
  readonly log: readonly string[]
}

export interface ChaosExtras extends ChaosWorldOptions {
  /** Before anybody asks: what else is to listen. */
  readonly watch?: (world: ChaosWorld) => void
  /** Work is paid: who hears of an answer's attempts besides the book, and when all is over, what is wrong with the money. */
  readonly openMoney?: (clock: Clock) => Promise<ChaosMoney>
}

export interface ChaosMoney {
  admit(ask: ChaosAsk): (CallerMeter & { readonly observer: RequestObserver }) | null
  close(book: ChaosBook): Promise<string[]>
}

/** An answer that is not over by then never will be. */
const longestAnswerMs = 400_000
/** Longer than every deadline by which a stage forgets. */
const longestSweepMs = 400_000

export async function runChaos(plan: ChaosPlan, pack: ChaosPack, extras: ChaosExtras = {}): Promise<ChaosReport> {
  const { openMoney, watch } = extras
  const world = openChaosWorld(plan, pack, extras)
  watch?.(world)
  const { clock, desk } = world
  const wrongs: string[] = []
  const book = createChaosBook(clock, wrong => wrongs.push(wrong))
  const isSignedIn = (): boolean => world.watchers.every(({ snapshot }) => snapshot().status === 'waiting-for-slice')
  for (let turn = 0; desk.snapshot().status !== 'ready' || !isSignedIn(); turn += 1) {
    if (turn > 2000) throw new Error(`No ring came about: ${desk.snapshot().explanation}`)
    await clock.advance(20)
  }
  world.vouch()
  world.note(`ready: ${JSON.stringify(desk.snapshot().seats.map(({ peer, layers }) => [peer.slice(-8), layers]))}`)
  const startMs = clock.monotonicMs()
  const money = (await openMoney?.(clock)) ?? null
  const answers: ChaosAnswer[] = []
  const call = (ask: ChaosAsk): void => {
    const metered = money?.admit(ask) ?? null
    // Its session is spent: nothing is asked.
    if (money !== null && metered === null) return
    const told = book.observe(answers.length)
    const observer = metered === null ? told : both(told, metered.observer)
    const onWhole = (tokens: readonly number[]): void => {
      const next = nextAskOf(ask, tokens, pack.manifest.dimensions.context)
      if (next !== null) call(next)
    }
    answers.push(askAndRead({ desk, clock, ask, observer, meter: metered, onWhole }))
  }
  const due = [
    ...plan.asks.map(ask => ({ atMs: ask.atMs, run: () => call(ask) })),
    ...plan.blows.map(blow => ({ atMs: blow.atMs, run: () => world.strike(blow) })),
  ].sort((a, b) => a.atMs - b.atMs)
  for (const { atMs, run } of due) {
    await clock.advance(startMs + atMs - clock.monotonicMs())
    run()
  }
  await until(world, longestAnswerMs, () => answers.every(({ ends }) => ends.length > 0))
  for (const [index, answer] of answers.entries()) {
    const alone = await answerAlone(pack.manifest, answer.ask)
    wrongs.push(...judge(answer, alone, money !== null).map(wrong => `answer ${index}: ${wrong}`))
  }
  wrongs.push(...book.close(answers, money !== null))
  if (money !== null) wrongs.push(...(await money.close(book)))
  const { failed: accused, convicted } = world.checks
  if (extras.cheat === undefined && accused.length + convicted.length > 0)
    wrongs.push(`honest work failed checks: ${JSON.stringify([accused, convicted])}`)
  wrongs.push(...(await settle(world)))
  return {
    seed: plan.seed,
    wrongs,
    whole: answers.filter(({ ends: [end] }) => end?.type === 'finished').length,
    failed: countFailures(answers),
    moves: answers.reduce((sum, { moves }) => sum + moves(), 0),
    cachedTokens: book.cachedTokens(),
    receipts: world.receipts,
    checks: world.checks,
    checkFigures: desk.snapshot().checks,
    isShutDown: world.isShutDown(),
    log: world.log,
  }
}

/** The first hears it first. */
function both(first: RequestObserver, second: RequestObserver): RequestObserver {
  return {
    onFlowing: (...said) => {
      first.onFlowing(...said)
      second.onFlowing(...said)
    },
    onToken: (...said) => {
      first.onToken(...said)
      second.onToken(...said)
    },
    onEnded: (...said) => {
      first.onEnded(...said)
      second.onEnded(...said)
    },
  }
}

function judge({ ask, tokens, ends }: ChaosAnswer, alone: AnswerAlone, isPaid: boolean): string[] {
  const said = `${tokens.length} of ${alone.tokens.length} tokens`
  if (ends.length !== 1) return [`it ended ${ends.length} times (${said}): ${JSON.stringify(ends)}`]
  const wrongs: string[] = []
  const firstWrong = tokens.findIndex((token, index) => token !== alone.tokens[index])
  if (firstWrong >= 0) wrongs.push(`token ${firstWrong} is ${tokens[firstWrong]}, not ${alone.tokens[firstWrong]}`)
  const [end] = ends
  if (end?.type === 'finished' && end.stoppedBy === null) {
    if (tokens.length !== alone.tokens.length) wrongs.push(`it finished after ${said}`)
    if (end.reason !== alone.reason) wrongs.push(`it finished by ${end.reason}, not ${alone.reason}`)
  }
  if (end?.type === 'finished' && end.stoppedBy !== null && ask.capAfterTokens === null && !isPaid)
    wrongs.push(`it was cut short by ${end.stoppedBy}`)
  if (end?.type === 'given-up' && ask.giveUp === null) wrongs.push('it ended without a word')
  if (end?.type === 'failed' && /^(bug|input|payment|chain)_/.test(end.error.code))
    wrongs.push(`it failed with ${end.error.code}: ${end.error.message}`)
  return wrongs
}

function countFailures(answers: readonly ChaosAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { ends } of answers) {
    for (const end of ends) if (end.type === 'failed') counts[end.error.code] = (counts[end.error.code] ?? 0) + 1
  }
  return counts
}

/** Everything ends: first the caches, while the tabs still serve; then the tabs, the hub and the desk. */
async function settle(world: ChaosWorld): Promise<string[]> {
  const { clock, desk, hub, watchers } = world
  const peers = [...world.peers, ...watchers]
  const wrongs: string[] = []
  world.calm()
  const living = () => peers.filter(({ host }) => !host.isDead())
  const memories = () => living().flatMap(({ engines }) => engines().map(engine => engine.memory()))
  const isClean = (): boolean =>
    memories().every(({ requests, kvBytes, keptBytes }) => requests === 0 && kvBytes === (keptBytes ?? 0)) &&
    living().every(peer => peer.stepsUnderWay() === 0)
  await until(world, longestSweepMs, isClean)
  if (!isClean()) {
    const steps = living().map(peer => peer.stepsUnderWay())
    wrongs.push(`caches or steps are left: ${JSON.stringify(memories())}, steps ${steps}`)
  }
  const { activeRequests, queuedRequests } = desk.snapshot()
  if (activeRequests + queuedRequests > 0) wrongs.push(`${activeRequests} requests run and ${queuedRequests} wait`)
  let left = 0
  for (const peer of living()) void peer.running.leave().then(() => (left += 1))
  const leaving = living().length
  await until(world, 60_000, () => left === leaving)
  if (left < leaving) wrongs.push(`${leaving - left} tabs did not come to their end`)
  const open = peers.filter(({ host }) => !host.isDead()).flatMap(({ engines }) => engines())
  if (open.length > 0) wrongs.push(`${open.length} engines are still open`)
  desk.close()
  hub.close()
  // What is on its way arrives.
  await clock.advance(70_000)
  if (clock.pending > 0) wrongs.push(`${clock.pending} timers are left`)
  for (const fault of world.faults) wrongs.push(`fault: ${fault instanceof Error ? fault.stack : String(fault)}`)
  return wrongs
}

/** Moves time until it is so, or for so long. */
async function until({ clock }: ChaosWorld, limitMs: number, isSo: () => boolean): Promise<void> {
  const endMs = clock.monotonicMs() + limitMs
  while (!isSo() && clock.monotonicMs() < endMs) await clock.advance(100)
}
