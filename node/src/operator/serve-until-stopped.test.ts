import { ComputePoolError, type ErrorCode } from '@computepool/shared/errors'
import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { readNodeArguments } from './node-arguments.ts'
import type { RunningNode } from './run-node.ts'
import { leaveDeadlineMs, type NodeEvents, serveUntilStopped } from './serve-until-stopped.ts'
import { createStopSignals } from './stop-signals.ts'

const never = new Promise<never>(() => {})
const lost = (code: ErrorCode) => new ComputePoolError(code, 'The device is gone.').toJSON()

interface World {
  /** What `leave` and `drain` of each node do. */
  readonly leave?: () => Promise<void>
  readonly start?: () => Promise<void>
  readonly args?: readonly string[]
}

/** A node that serves by WebGPU until a test breaks it. */
function serve({ leave = async () => {}, start = async () => {}, args = [] }: World = {}) {
  const stop = createStopSignals()
  const clock = createManualClock()
  const notes: string[] = []
  const nodes: { events: NodeEvents; shunned: string[]; calls: string[] }[] = []
  let outcome = 'serving'
  const { settings } = readNodeArguments(['--memory', '1GB', '--drain-seconds', '60', ...args], {})
  serveUntilStopped({
    settings,
    stop,
    clock,
    log: { show: () => {}, note: ({ type }) => void notes.push(type) },
    async start(events, shunned) {
      const calls: string[] = []
      nodes.push({ events, shunned: [...shunned], calls })
      await start()
      const end = (name: string) => () => {
        calls.push(name)
        return leave()
      }
      const node: Partial<RunningNode> = {
        address: '0x1',
        keySource: 'a test',
        provider: () => (shunned.has('webgpu') ? 'cpu' : 'webgpu'),
        peer: { drain: end('drain'), leave: end('leave'), pauseDownload() {}, resumeDownload() {} },
      }
      return node as RunningNode
    },
  }).then(
    () => (outcome = 'left'),
    error => (outcome = error.code),
  )
  return { stop, clock, notes, nodes, outcome: () => outcome }
}

it('an engine that fails is left out, and the node joins anew with the next', async () => {
  const { clock, nodes, outcome } = serve()
  await clock.settle()
  nodes[0]!.events.onEngineLost(lost('engine_self_test_failed'))
  await clock.settle()
  expect(nodes.map(({ shunned }) => shunned)).toEqual([[], ['webgpu']])
  expect([nodes[0]!.calls, outcome()]).toEqual([['leave'], 'serving'])
})

it('a device that is lost is tried once more, and left out where it is lost again soon', async () => {
  const { clock, nodes, outcome } = serve()
  await clock.settle()
  nodes[0]!.events.onEngineLost(lost('engine_device_lost'))
  await clock.advance(11 * 60_000)
  nodes[1]!.events.onEngineLost(lost('engine_device_lost'))
  await clock.advance(9 * 60_000)
  expect(nodes.map(({ shunned }) => shunned)).toEqual([[], [], []])
  nodes[2]!.events.onEngineLost(lost('engine_device_lost'))
  await clock.settle()
  expect(nodes.map(({ shunned }) => shunned)).toEqual([[], [], [], ['webgpu']])
  expect(outcome()).toBe('serving')
})

it('a device that was asked for by name is lost twice, and ends the node', async () => {
  const { clock, nodes, outcome } = serve({ args: ['--engine', 'webgpu'] })
  await clock.settle()
  for (const count of [0, 1]) {
    nodes[count]!.events.onEngineLost(lost('engine_device_lost'))
    await clock.settle()
  }
  expect([nodes.length, outcome()]).toEqual([2, 'engine_device_lost'])
})

it('an engine that fails while the node drains ends it: nobody joins again', async () => {
  const { stop, clock, nodes, outcome } = serve({ leave: () => never })
  await clock.settle()
  stop.hear()
  await clock.settle()
  nodes[0]!.events.onEngineLost(lost('engine_device_lost'))
  await clock.advance(leaveDeadlineMs)
  expect([nodes.length, outcome()]).toEqual([1, 'engine_device_lost'])
})

it('a signal while a failed node leaves is heard: nobody joins again', async () => {
  let finish = () => {}
  const leaving = new Promise<void>(resolve => {
    finish = resolve
  })
  const { stop, clock, nodes, outcome } = serve({ leave: () => leaving })
  await clock.settle()
  nodes[0]!.events.onEngineLost(lost('engine_device_lost'))
  await clock.settle()
  stop.hear()
  finish()
  await clock.settle()
  expect([nodes.length, outcome()]).toEqual([1, 'engine_device_lost'])
})

it('a signal while it starts ends it at once, and what starts late leaves', async () => {
  let finish = () => {}
  const starting = new Promise<void>(resolve => {
    finish = resolve
  })
  const { stop, clock, nodes, notes, outcome } = serve({ start: () => starting })
  await clock.settle()
  stop.hear()
  await clock.settle()
  expect([outcome(), notes]).toEqual(['left', ['node-left']])
  finish()
  await clock.settle()
  expect(nodes[0]!.calls).toEqual(['leave'])
})

it('the first signal drains, the second leaves', async () => {
  let drained = false
  const { stop, clock, nodes, notes, outcome } = serve({ leave: async () => (drained ? undefined : never) })
  await clock.settle()
  stop.hear()
  await clock.settle()
  expect(outcome()).toBe('serving')
  drained = true
  stop.hear()
  await clock.settle()
  expect([nodes[0]!.calls, outcome()]).toEqual([['drain', 'leave'], 'left'])
  expect(notes).toEqual(['node-started', 'node-draining', 'node-left'])
})

it('a driver that hangs keeps neither the process nor the error', async () => {
  const draining = serve({ leave: () => never })
  await draining.clock.settle()
  draining.stop.hear()
  await draining.clock.advance(60_000)
  expect(draining.outcome()).toBe('serving')
  await draining.clock.advance(leaveDeadlineMs)
  expect([draining.outcome(), draining.notes.at(-2)]).toEqual(['left', 'notice'])

  const failing = serve({ leave: () => never, args: ['--engine', 'webgpu'] })
  await failing.clock.settle()
  failing.nodes[0]!.events.onEngineLost(lost('engine_device_lost'))
  await failing.clock.advance(leaveDeadlineMs)
  expect(failing.outcome()).toBe('engine_device_lost')
})
