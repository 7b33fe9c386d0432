/**
 * The tab's store on the page's thread: starts the worker, hosts its RTC connections, shows its snapshots. A worker that dies, or
 * whose GPU is lost, is replaced a few times; the parts are on disk by then.
 */

import type { JoinOptions, PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import { ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { TabStore } from './tab-commands.ts'
import type { PeerCommand, PeerNews } from './worker-messages.ts'

/** So many restarts within ten minutes: a driver that was reset loses its device once, one that cannot bear the slice each time. */
const maxRestarts = 3
const restartForgivenMs = 10 * 60_000
const watchEveryMs = 5000
/** Two minutes: loading a large slice can block the worker's thread for long. Looks are counted, because a machine may sleep. */
const silentLooks = 24
/** What a worker gets to close its links and its slice. */
const leaveDeadlineMs = 5000

/** The part of a Worker that is used. */
export interface WorkerLike {
  postMessage(command: PeerCommand, transfer: Transferable[]): void
  terminate(): void
  onmessage: ((event: MessageEvent<PeerNews>) => void) | null
  onerror: ((event: ErrorEvent) => void) | null
}

export interface TabStorePowers {
  readonly clock: Clock
  readonly pageUrl: string
  readonly startWorker: () => WorkerLike
  /** Serves RTC connections to the other end of `port`. */
  readonly hostRtc: (port: MessagePort) => { close(): void }
  readonly isHidden: () => boolean
  readonly onVisibility: (listener: () => void) => () => void
}

interface Running {
  readonly worker: WorkerLike
  readonly options: JoinOptions
  looksInSilence: number
  /** The person wants it gone, however it ends. */
  isLeaving: boolean
  /** Its time to close things runs. */
  isEnding: boolean
  stop(): void
}

export function createWorkerTabStore(powers: TabStorePowers): TabStore {
  const { clock } = powers
  const listeners = new Set<() => void>()
  let snapshot: PeerSnapshot = idleSnapshot
  let running: Running | null = null
  let restartedAtMs: number[] = []

  function show(next: PeerSnapshot): void {
    snapshot = next
    for (const listener of [...listeners]) listener()
  }

  function start(options: JoinOptions): void {
    const worker = powers.startWorker()
    const { port1, port2 } = new MessageChannel()
    const rtcHost = powers.hostRtc(port1)
    const tellVisibility = (): void =>
      worker.postMessage({ type: 'visibility-changed', isHidden: powers.isHidden() }, [])
    const stopVisibility = powers.onVisibility(tellVisibility)
    let cancelWatch = (): void => {}
    const started: Running = {
      worker,
      options,
      looksInSilence: 0,
      isLeaving: false,
      isEnding: false,
      stop() {
        cancelWatch()
        stopVisibility()
        rtcHost.close()
        worker.terminate()
      },
    }
    const watch = (): void => {
      cancelWatch = clock.schedule(watchEveryMs, () => {
        started.looksInSilence += 1
        if (started.looksInSilence >= silentLooks)
          replace(started, workerDied(`It said nothing for ${(silentLooks * watchEveryMs) / 1000} s.`))
        else watch()
      })
    }
    worker.onmessage = ({ data: news }) => {
      if (running !== started) return
      started.looksInSilence = 0
      hear(started, news)
    }
    worker.onerror = event => {
      if (running === started) replace(started, workerDied(event.message || 'Its script did not load.'))
    }
    running = started
    watch()
    worker.postMessage({ type: 'join', options, pageUrl: powers.pageUrl, rtcPort: port2 }, [port2])
    tellVisibility()
  }

  function hear(from: Running, news: PeerNews): void {
    if (news.type === 'snapshot-changed') {
      // A drain ends by itself, in the worker.
      if (news.snapshot.status === 'leaving') endSoon(from)
      show(news.snapshot)
    } else if (news.type === 'engine-lost') replace(from, news.error)
    else if (news.type === 'left') stopAll(idleSnapshot)
  }

  /** What hangs while it closes would hold the GPU for ever. */
  function endSoon(leaving: Running): void {
    if (leaving.isEnding) return
    leaving.isEnding = true
    leaving.isLeaving = true
    clock.schedule(leaveDeadlineMs, () => {
      if (running === leaving) stopAll(idleSnapshot)
    })
  }

  function stopAll(last: PeerSnapshot): void {
    running?.stop()
    running = null
    show(last)
  }

  /** Starts over, and tells the person where that does not help. */
  function replace(dead: Running, error: ErrorData): void {
    if (dead.isLeaving) {
      stopAll(idleSnapshot)
      return
    }
    const nowMs = clock.monotonicMs()
    restartedAtMs = restartedAtMs.filter(atMs => nowMs - atMs < restartForgivenMs)
    const isLast = restartedAtMs.length >= maxRestarts
    const { options } = dead
    stopAll({
      ...idleSnapshot,
      status: isLast ? 'failed' : 'connecting',
      error,
      memoryBudgetBytes: options.memoryBudgetBytes,
    })
    if (isLast) return
    restartedAtMs.push(nowMs)
    start(options)
  }

  return {
    getSnapshot: () => snapshot,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    join(options) {
      if (running !== null && snapshot.status !== 'failed') return
      stopAll(idleSnapshot)
      restartedAtMs = []
      start(options)
    },
    pauseDownload: () => running?.worker.postMessage({ type: 'pause-download' }, []),
    resumeDownload: () => running?.worker.postMessage({ type: 'resume-download' }, []),
    drain(deadlineMs) {
      if (running === null) return show(idleSnapshot)
      running.isLeaving = true
      running.worker.postMessage({ type: 'drain', deadlineMs }, [])
    },
    leave() {
      const leaving = running
      if (leaving === null) return show(idleSnapshot)
      leaving.worker.postMessage({ type: 'leave' }, [])
      endSoon(leaving)
    },
  }
}

function workerDied(why: string): ErrorData {
  return new ComputePoolError('engine_worker_died', `The worker that holds this tab's layers died. ${why}`, {
    remedy: 'Join again; if it repeats, offer less memory.',
  }).toJSON()
}
