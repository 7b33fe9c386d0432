import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import { createManualClock } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { createWorkerTabStore, type WorkerLike } from './tab-store.ts'
import type { PeerCommand, PeerNews } from './worker-messages.ts'

interface FakeWorker extends WorkerLike {
  readonly commands: PeerCommand[]
  isTerminated: boolean
  say(news: PeerNews): void
}

function openStore() {
  const clock = createManualClock()
  const workers: FakeWorker[] = []
  let openHosts = 0
  const store = createWorkerTabStore({
    clock,
    pageUrl: 'http://pool.test/operate',
    startWorker: () => {
      const worker: FakeWorker = {
        commands: [],
        isTerminated: false,
        onmessage: null,
        onerror: null,
        postMessage: command => void worker.commands.push(command),
        terminate: () => {
          worker.isTerminated = true
        },
        say: news => worker.onmessage?.({ data: news } as MessageEvent<PeerNews>),
      }
      workers.push(worker)
      return worker
    },
    hostRtc: () => {
      openHosts += 1
      return {
        close: () => {
          openHosts -= 1
        },
      }
    },
    isHidden: () => false,
    onVisibility: () => () => {},
  })
  return { store, clock, workers, openHosts: () => openHosts }
}

const options = { memoryBudgetBytes: 1e9, engine: null }
const lost = { code: 'engine_device_lost', message: 'The GPU device was lost.', remedy: '', context: {} } as const

describe('the store of a tab', () => {
  it('starts one worker, and shows what it says', () => {
    const { store, workers } = openStore()
    let told = 0
    store.subscribe(() => (told += 1))
    expect(store.getSnapshot().status).toBe('idle')
    store.join(options)
    store.join(options)
    expect(workers).toHaveLength(1)
    expect(workers[0]!.commands[0]).toMatchObject({ type: 'join', options, pageUrl: 'http://pool.test/operate' })
    const before = told
    workers[0]!.say({ type: 'snapshot-changed', snapshot: { ...idleSnapshot, status: 'serving' } })
    expect(store.getSnapshot().status).toBe('serving')
    expect(told).toBe(before + 1)
  })

  it('replaces a worker whose GPU is lost, three times in ten minutes, then gives up', async () => {
    const { store, workers, clock, openHosts } = openStore()
    store.join(options)
    for (let count = 1; count <= 3; count += 1) {
      workers.at(-1)!.say({ type: 'engine-lost', error: lost })
      expect(workers).toHaveLength(count + 1)
      expect(workers[count - 1]!.isTerminated).toBe(true)
      expect(workers[count]!.commands[0]).toMatchObject({ type: 'join', options })
      expect(store.getSnapshot()).toMatchObject({ status: 'connecting', error: lost })
      await clock.advance(60_000)
    }
    // What a worker says that is gone counts no more.
    workers[0]!.say({ type: 'engine-lost', error: lost })
    expect(workers).toHaveLength(4)
    workers[3]!.say({ type: 'engine-lost', error: lost })
    expect(workers).toHaveLength(4)
    expect(store.getSnapshot()).toMatchObject({ status: 'failed', error: lost })
    expect(openHosts()).toBe(0)
    store.join(options)
    expect(workers).toHaveLength(5)
  })

  it('forgives losses after a long time of service', async () => {
    const { store, workers, clock } = openStore()
    store.join(options)
    for (let count = 0; count < 6; count += 1) {
      for (let minute = 0; minute < 4; minute += 1) {
        await clock.advance(60_000)
        workers.at(-1)!.say({ type: 'alive' })
      }
      workers.at(-1)!.say({ type: 'engine-lost', error: lost })
    }
    expect(workers).toHaveLength(7)
  })

  it('takes a worker that falls silent for dead, and one that faults', async () => {
    const { store, workers, clock } = openStore()
    store.join(options)
    await clock.advance(130_000)
    expect(workers).toHaveLength(2)
    expect(store.getSnapshot().error).toMatchObject({ code: 'engine_worker_died' })
    workers[1]!.onerror?.({ message: 'out of memory' } as ErrorEvent)
    expect(workers).toHaveLength(3)
    expect(store.getSnapshot()).toMatchObject({ status: 'connecting', error: { code: 'engine_worker_died' } })
  })

  it('leaves: lets the worker close its links, and waits no longer than it must', async () => {
    const { store, workers, clock } = openStore()
    store.join(options)
    store.leave()
    expect(workers[0]!.commands.at(-1)).toEqual({ type: 'leave' })
    expect(workers[0]!.isTerminated).toBe(false)
    workers[0]!.say({ type: 'left' })
    expect(workers[0]!.isTerminated).toBe(true)
    expect(store.getSnapshot()).toBe(idleSnapshot)
    store.join(options)
    store.leave()
    await clock.advance(6000)
    expect(workers[1]!.isTerminated).toBe(true)
    expect(store.getSnapshot().status).toBe('idle')
  })

  it('drains: waits for the worker however long that takes, and still leaves at once when told to', async () => {
    const { store, workers, clock } = openStore()
    store.join(options)
    store.drain(600_000)
    expect(workers[0]!.commands.at(-1)).toEqual({ type: 'drain', deadlineMs: 600_000 })
    for (let minute = 0; minute < 4; minute += 1) {
      await clock.advance(60_000)
      workers[0]!.say({ type: 'alive' })
    }
    expect(workers[0]!.isTerminated).toBe(false)
    store.leave()
    expect(workers[0]!.commands.at(-1)).toEqual({ type: 'leave' })
    workers[0]!.say({ type: 'left' })
    expect(workers[0]!.isTerminated).toBe(true)
    expect(store.getSnapshot()).toBe(idleSnapshot)
  })

  it('waits no longer for a worker whose drain is over than for one that was told to leave', async () => {
    const { store, workers, clock, openHosts } = openStore()
    store.join(options)
    store.drain(600_000)
    const [worker] = workers
    const says = (status: 'serving' | 'leaving') =>
      worker!.say({ type: 'snapshot-changed', snapshot: { ...idleSnapshot, status, isDraining: true } })
    says('serving')
    await clock.advance(60_000)
    says('leaving')
    await clock.advance(4000)
    // That it says more gives it no more time.
    says('leaving')
    worker!.say({ type: 'alive' })
    expect([worker!.isTerminated, store.getSnapshot().status]).toEqual([false, 'leaving'])
    await clock.advance(1000)
    expect([worker!.isTerminated, openHosts(), workers.length]).toEqual([true, 0, 1])
    expect(store.getSnapshot()).toBe(idleSnapshot)
  })

  it('joins nothing anew where the worker dies while it drains', () => {
    const { store, workers } = openStore()
    store.join(options)
    store.drain(600_000)
    workers[0]!.say({ type: 'engine-lost', error: lost })
    expect([workers.length, workers[0]!.isTerminated]).toEqual([1, true])
    expect(store.getSnapshot()).toBe(idleSnapshot)
  })

  it.each([
    ['loses its GPU', (worker: FakeWorker) => worker.say({ type: 'engine-lost', error: lost })],
    ['faults', (worker: FakeWorker) => worker.onerror?.({ message: 'out of memory' } as ErrorEvent)],
  ])('stays out where the worker %s while it leaves', async (_, die) => {
    const { store, workers, clock, openHosts } = openStore()
    store.join(options)
    store.leave()
    die(workers[0]!)
    await clock.advance(10_000)
    expect(workers).toHaveLength(1)
    expect(workers[0]!.isTerminated).toBe(true)
    expect(openHosts()).toBe(0)
    expect(store.getSnapshot()).toBe(idleSnapshot)
  })
})
