import { decodeFrame } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { fakeJob, openSwarm } from '../../testing/swarm.ts'
import { greedy } from './sampling-params.ts'

describe('a seat that is given up', () => {
  it('takes back the frames that have not begun, and still says why it ended', async () => {
    // One frame at a time has room.
    const swarm = openSwarm({ peers: 2, link: { capacityBytes: 1 }, engine: () => ({ maxChunk: 4 }) })
    const [entry, next] = swarm.peers as [string, string]
    const release = swarm.network.stall(entry, next)
    const promptTokens = Array.from({ length: 40 }, (_, index) => index % 7)
    for (const requestId of ['one', 'two', 'three'])
      swarm.pipelines[0]!.submit(fakeJob(requestId, { promptTokens, sampling: greedy }))
    await swarm.clock.advance(50)
    const arrived: string[] = []
    swarm.network.transport(next).onFrame((_, bytes) => {
      const { header } = decodeFrame(bytes)
      arrived.push(`${header.request_id} ${header.kind}`)
    })
    await swarm.pipelines[0]!.close()
    release()
    await swarm.clock.advance(1000)
    // The one that was under way.
    expect(arrived.filter(word => word.endsWith('hidden'))).toHaveLength(1)
    expect(arrived.filter(word => word.endsWith('control'))).toHaveLength(3)
    expect(swarm.pipelines[1]!.stats().requests).toBe(0)
  })
})
