/** A coalition of ours whose exit is, unseen, an original peer behind AXL's stand-in: the pipeline needs no word of it. */
import { createBreath, hostClock } from '@computepool/peer/host.ts'
import { greedy, type Pipeline, runPipeline } from '@computepool/shared/pipeline'
import type { Engine } from '@computepool/shared/ports'
import { createLoopbackNetwork, fakeJob, fakePeer, randomPack } from '@computepool/shared/testing'
import type { DeskRequest, Seat } from '@computepool/shared/wire'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AxlStandIn, startAxlStandIn } from '../../testing/axl-stand-in.ts'
import { openOriginalLink } from '../../testing/original-link.ts'
import { startOriginalPeer, type TestOriginalPeer } from '../../testing/original-peer.ts'
import { openNativeEngine } from '../engine/open-native-engine.ts'
import { createOriginalTailEngine } from './original-tail-engine.ts'

const { manifest, parts } = randomPack({ architecture: 'llama', quantisation: 'f32' })
const { layers, hidden } = manifest.dimensions
const peers = [fakePeer(0), fakePeer(1)] as const
const seats: Seat[] = [
  { seat: 0, peer: peers[0], layers: { start: 0, end: 1 } },
  { seat: 1, peer: peers[1], layers: { start: 1, end: layers } },
]
const open = (start: number, end: number): Promise<Engine> =>
  openNativeEngine(
    { manifest, parts, layers: { start, end }, kvBudgetBytes: 2 ** 26, maxContext: 128 },
    { threads: 1, maxChunk: 8 },
  )

let axl: AxlStandIn
let exit: TestOriginalPeer
let pipelines: Pipeline[]
let reports: DeskRequest[]
let closers: (() => unknown)[]

beforeEach(async () => {
  axl = startAxlStandIn()
  const [ours, theirs] = [await axl.startDaemon(), await axl.startDaemon()]
  exit = startOriginalPeer({ url: theirs.url, replyTo: ours.key, engine: await open(2, layers) })
  const link = openOriginalLink({ url: ours.url, key: theirs.key })
  const tail = createOriginalTailEngine({ local: await open(1, 2), peer: link.peer, dimensions: manifest.dimensions })
  const engines = [await open(0, 1), tail]
  const network = createLoopbackNetwork({ clock: hostClock })
  reports = []
  const breathe = createBreath()
  pipelines = seats.map(({ seat }) =>
    runPipeline({
      seat: { epoch: 1, seat, seats, hidden, maxContext: 128, maxRequests: 8 },
      engine: engines[seat]!,
      transport: network.transport(peers[seat]!),
      clock: hostClock,
      report: message => reports.push(message),
      breathe,
    }),
  )
  network.connectAll(peers)
  closers = [
    ...pipelines.map(pipeline => () => pipeline.close()),
    ...engines.map(engine => () => engine.close()),
    () => link.close(),
    () => exit.close(),
    () => axl.close(),
  ]
})
afterEach(async () => {
  for (const close of closers) await close()
})

const promptOf = (length: number, step: number): number[] =>
  Array.from({ length }, (_, i) => (i * step + 11) % manifest.dimensions.vocab)
const tokensOf = (requestId: string): number[] =>
  reports.flatMap(report =>
    report.type === 'token-generated' && report.requestId === requestId ? [report.sampled.token] : [],
  )
const endOf = (requestId: string): DeskRequest | undefined =>
  reports.find(
    report =>
      (report.type === 'request-finished' || report.type === 'request-failed') && report.requestId === requestId,
  )

function submit(requestId: string, promptTokens: number[], maxTokens: number, sampling = greedy): void {
  pipelines[0]!.submit(fakeJob(requestId, { promptTokens, maxTokens, sampling }))
}
async function answer(requestId: string): Promise<number[]> {
  await expect.poll(() => endOf(requestId)?.type, { interval: 5, timeout: 20_000 }).toBe('request-finished')
  return tokensOf(requestId)
}

test('two requests at once get what each gets alone, and nothing is left at the peer', async () => {
  const [long, short] = [promptOf(21, 37), promptOf(3, 53)]
  submit('a', long, 10)
  submit('b', short, 10)
  const together = [await answer('a'), await answer('b')]
  submit('a-alone', long, 10)
  const first = await answer('a-alone')
  submit('b-alone', short, 10)
  expect(together).toEqual([first, await answer('b-alone')])
  // Every token came from there: a frame for each of three prompt chunks or one, and for each later token.
  expect(exit.computed).toHaveLength(2 * (3 + 9) + 2 * (1 + 9))
  await expect.poll(() => exit.held()).toBe(0)
})

test('a request that is cancelled is ended at the peer', async () => {
  submit('r', promptOf(4, 37), 100)
  await expect.poll(() => tokensOf('r').length, { interval: 1 }).toBeGreaterThan(2)
  pipelines[0]!.cancel('r')
  await expect.poll(() => exit.held()).toBe(0)
  submit('next', promptOf(4, 37), 3)
  expect(await answer('next')).toHaveLength(3)
})

test('sampling that the original does not know fails the request with a reason for its caller', async () => {
  submit('r', promptOf(4, 37), 5, { ...greedy, topP: 0.5 })
  await expect
    .poll(() => endOf('r'))
    .toMatchObject({
      type: 'request-failed',
      error: { code: 'input_unsupported', message: expect.stringContaining('"top_p"') },
    })
  expect(exit.computed).toHaveLength(0)
})
