import { createManualClock } from '@computepool/shared/testing'
import type { DeskRequest, FrameHeader } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import { createHandOvers, type HandOverHost } from './hand-over.ts'
import { createKeptFrames } from './kept-frames.ts'

type Command = Parameters<ReturnType<typeof createHandOvers>['begin']>[0]

it('waits for an auditor that takes nothing with what is for that one alone', async () => {
  const kept = createKeptFrames({ digest: bytes => bytes.slice(0, 32), breathe: async () => {} })
  const header: FrameHeader = {
    ...{ request_id: 'r', kind: 'hidden', dtype: 'f32', shape: [1, 2] },
    ...{ seq: 0, position: 0, epoch: 1 },
  }
  kept.received('r', header, new Uint8Array(8))
  const said: DeskRequest[] = []
  const counts = { sentBytes: 0, receivedBytes: 0, sentFrames: 0, receivedFrames: 0 }
  const link = { kind: 'webrtc', isOpen: true, rttMs: 1, bytesPerSecond: null, ...counts } as const
  const stuck = (signal: AbortSignal | undefined) =>
    new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  const transport: HandOverHost['transport'] = {
    links: () => ['stuck', 'honest'].map(peer => ({ peer, ...link })),
    onLink: () => () => {},
    send: (to, _, signal) => (to === 'stuck' ? stuck(signal) : Promise.resolve()),
  }
  const clock = createManualClock()
  const handOvers = createHandOvers({
    ...{ clock, kept, transport, breathe: async () => {} },
    send: request => said.push(request),
  })
  const order = (check: string, to: string) =>
    handOvers.begin({
      ...{ type: 'hand-over', epoch: 1, as: 'received', attempts: ['r'], endPosition: 1 },
      ...{ check, to },
    } as Command)
  order('audit:aa', 'stuck')
  order('audit:bb', 'stuck')
  order('audit:cc', 'honest')
  await expect.poll(() => said).toMatchObject([{ type: 'handed-over', check: 'audit:cc' }])
  await handOvers.close()
  expect(said).toHaveLength(1)
})
