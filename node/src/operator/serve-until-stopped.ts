/**
 * Serves with one engine after another until the node is told to stop: joins anew where another engine may do better, drains on the
 * first signal, leaves on the second, and waits for nobody that hangs. It knows no process and no terminal.
 */
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { asComputePoolError, ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { NativeProvider } from '../engine/native-runtime.ts'
import type { NodeLog } from './node-log.ts'
import type { NodeSettings } from './node-settings.ts'
import { sizeInWords } from './parse-size.ts'
import type { NodeHost, RunningNode } from './run-node.ts'
import type { StopSignals } from './stop-signals.ts'

export type NodeEvents = Omit<NodeHost, 'env'>
export type StartNode = (events: NodeEvents, shunned: ReadonlySet<NativeProvider>) => Promise<RunningNode>

export interface ServeOptions {
  readonly settings: NodeSettings
  readonly log: Pick<NodeLog, 'show' | 'note'>
  readonly stop: StopSignals
  readonly clock: Pick<Clock, 'schedule' | 'monotonicMs'>
  readonly start: StartNode
}

/** A device that was lost (a driver that was reset, a machine that slept) is tried once more, and again after so long without a loss. */
const lossForgivenMs = 10 * 60_000

/** A driver that hangs keeps neither the process nor what went wrong. */
export const leaveDeadlineMs = 10_000

/** Resolves when the node has left; rejects with what it failed of, where no other engine may do better or it was told to stop. */
export async function serveUntilStopped(options: ServeOptions): Promise<void> {
  const { settings, log, stop } = options
  const shunned = new Set<NativeProvider>()
  const lostAtMs = new Map<NativeProvider, number>()
  for (;;) {
    const run: Run = { provider: null, hasLeft: false }
    try {
      return await serveOnce(options, shunned, run)
    } catch (thrown) {
      const error = asComputePoolError(thrown)
      const { provider } = run
      if (stop.heard === 0 && error.code === 'engine_device_lost' && run.hasLeft && provider !== null) {
        const nowMs = options.clock.monotonicMs()
        const isFirst = nowMs - (lostAtMs.get(provider) ?? Number.NEGATIVE_INFINITY) >= lossForgivenMs
        lostAtMs.set(provider, nowMs)
        if (isFirst) {
          const text = `${error.message} It is tried once more.`
          log.note({ type: 'notice', text }, text)
          continue
        }
      }
      const mayHelp = settings.engine === null && provider !== null && provider !== 'cpu'
      if (stop.heard > 0 || !mayHelp || !error.code.startsWith('engine_')) throw error
      shunned.add(provider)
      const text = `${error.message} Without ${provider} from now on.`
      log.note({ type: 'notice', text }, text)
    }
  }
}

interface Run {
  /** What served when it failed. */
  provider: NativeProvider | null
  /** Then everything was closed in time: nothing of it is in the way of another start. */
  hasLeft: boolean
}

async function serveOnce(
  { settings, log, stop, clock, start }: ServeOptions,
  shunned: ReadonlySet<NativeProvider>,
  run: Run,
): Promise<void> {
  const failure = awaitFailure()
  const starting = start(eventsFor(log, failure.tell), shunned)
  const node = await Promise.race([starting, stop.first.then(() => null)])
  const within = (ms: number, work: Promise<void>): Promise<boolean> => endsWithin(clock, ms, work)
  if (node === null || stop.heard > 0) {
    // A start is not waited for: a daemon or a key may take long, and nothing was served yet.
    if (node !== null) await within(leaveDeadlineMs, node.peer.leave())
    else starting.then(late => late.peer.leave()).catch(() => {})
    return log.note({ type: 'node-left' }, 'Left before it had joined.')
  }
  const { peer } = node
  tellStarted(log, settings, node)
  let forget = (): void => {}
  const left = new Promise<boolean>((resolve, reject) => {
    const follow = (ms: number, work: Promise<void>): void => void within(ms, work).then(resolve, reject)
    forget = stop.attend(heard => {
      if (heard > 1) return follow(leaveDeadlineMs, peer.leave())
      const deadlineSeconds = settings.drainMs / 1000
      log.note(
        { type: 'node-draining', deadlineSeconds },
        `Finishing what runs, for ${deadlineSeconds} s at most. Once more to leave at once.`,
      )
      follow(settings.drainMs + leaveDeadlineMs, peer.drain(settings.drainMs))
    })
  })
  try {
    const isDone = await Promise.race([left, failure.promise])
    const text = `It did not leave within ${leaveDeadlineMs / 1000} s, and is ended.`
    if (!isDone) log.note({ type: 'notice', text }, text)
  } catch (thrown) {
    run.provider = node.provider()
    // What it failed of is what is told, whatever leaving makes of it.
    run.hasLeft = await within(leaveDeadlineMs, peer.leave()).catch(() => false)
    throw thrown
  } finally {
    forget()
  }
  log.note({ type: 'node-left' }, 'Left.')
}

function awaitFailure() {
  let tell = (_error: ErrorData): void => {}
  const promise = new Promise<never>((_, reject) => {
    tell = ({ code, message, remedy, context }) =>
      reject(new ComputePoolError(code, message, { ...(remedy === undefined ? {} : { remedy }), context }))
  })
  // One that comes when nobody listens any more is no reason to crash.
  promise.catch(() => {})
  return { tell, promise }
}

function eventsFor(log: ServeOptions['log'], fail: (error: ErrorData) => void): NodeEvents {
  return {
    tell(snapshot: PeerSnapshot) {
      log.show(snapshot)
      if (snapshot.status === 'failed' && snapshot.error !== null) fail(snapshot.error)
    },
    onEngineLost: fail,
    onNotice: text => log.note({ type: 'notice', text }, text),
  }
}

function tellStarted(log: ServeOptions['log'], settings: NodeSettings, node: RunningNode): void {
  const { url, dataDir, memoryBudgetBytes, threads } = settings
  const { address, keySource, reach } = node
  log.note(
    { type: 'node-started', url, dataDir, address, keySource, memoryBudgetBytes, threads, reach },
    `Joining ${url} as ${address} (${keySource}), with ${sizeInWords(memoryBudgetBytes)} of memory.`,
  )
}

/** False where `work` has not ended in time; its errors are passed on. */
function endsWithin(clock: Pick<Clock, 'schedule'>, ms: number, work: Promise<void>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(ms, () => resolve(false))
    work.then(() => resolve(true), reject).finally(cancel)
  })
}
