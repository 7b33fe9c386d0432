/** Two native nodes of one thread each with an emulated distance between them, and what an answer of theirs takes. */
import path from 'node:path'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { openImpairedHub } from '../harness/impaired-hub.ts'
import { type ImpairedNetwork, openImpairedNetwork } from '../harness/impaired-network.ts'
import { startNodes } from '../harness/node-processes.ts'

export interface DistanceRing {
  readonly network: ImpairedNetwork
  readonly url: string
  readonly model: string
  /** Tokens a second of one answer of so many tokens, without drafts. */
  decode(tokens: number): Promise<number>
  /** Milliseconds until a prompt of so many tokens, never seen before, is answered by one token. */
  prefill(tokens: number): Promise<number>
  /** Throws unless all that the two sent to each other went through the network. */
  proveWay(): void
  close(): Promise<void>
}

interface Answer {
  readonly error?: { readonly message: string }
  readonly computepool: { readonly tokensPerSecond: number; readonly directHops: number }
}

/** Errors: whatever a node raised before the ring was ready. */
export async function openDistanceRing({
  packDir,
  folder,
  seed,
}: {
  readonly packDir: string
  readonly folder: string
  readonly seed: number
}): Promise<DistanceRing> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    const network = openImpairedNetwork({ seed })
    closers.push(() => network.close())
    const orchestrator = await startOrchestrator({ port: 0, packDir, minSeats: 2, maxSeats: 2, pageFolder: null })
    closers.push(() => orchestrator.close())
    const hub = await openImpairedHub({ url: orchestrator.url, network })
    closers.push(() => hub.close())
    const nodes = await startNodes({ url: hub.url, count: 2, dataDir: path.join(folder, 'nodes'), deadlineMs: 120_000 })
    closers.push(() => nodes.close())
    const { url, model } = orchestrator
    let asked = 0
    const ask = async (body: object): Promise<Answer> => {
      const response = await fetch(new URL('/v1/completions', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, ...body }),
      })
      const answer = (await response.json()) as Answer
      if (!response.ok) throw new Error(`The ring refused: ${answer.error?.message ?? response.status}`)
      return answer
    }
    return {
      network,
      url,
      model,
      async decode(tokens) {
        const body = { prompt: 'the quick brown fox', temperature: 1, seed: 7, max_tokens: tokens }
        return (await ask({ ...body, computepool: { speculate: false } })).computepool.tokensPerSecond
      },
      async prefill(tokens) {
        asked += 1
        const prompt = Array.from({ length: tokens }, (_, index) => (index * 7 + asked * 131) % 251)
        const startedMs = performance.now()
        await ask({ prompt, max_tokens: 1, temperature: 0, computepool: { speculate: false } })
        return performance.now() - startedMs
      },
      proveWay() {
        const [one, other] = hub.peers
        if (one === undefined || other === undefined || hub.peers.length !== 2)
          throw new Error(`${hub.peers.length} peers came in by the hub's door where 2 were due`)
        for (const { arrived } of [network.counts(one, other), network.counts(other, one)])
          if (arrived < 100) throw new Error('The two nodes have another way than the network')
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
