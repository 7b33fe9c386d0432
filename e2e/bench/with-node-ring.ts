/** A ring of native nodes, one thread and one process each, for as long as a bench uses it. It knows nothing of what is measured. */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { startNodes } from '../harness/node-processes.ts'

export interface NodeRingOptions {
  readonly packDir: string
  /** What the nodes keep on disk. */
  readonly dataDir: string
  readonly stages: number
}

export interface NodeRing {
  readonly url: string
  readonly model: string
}

/** Opens the ring, resolves with what `use` made of it, and closes it either way. Errors: whatever a node raised before it was ready. */
export async function withNodeRing<T>(
  { packDir, dataDir, stages }: NodeRingOptions,
  use: (ring: NodeRing) => Promise<T>,
): Promise<T> {
  const orchestrator = await startOrchestrator({
    port: 0,
    packDir,
    minSeats: stages,
    maxSeats: stages,
    pageFolder: null,
  })
  try {
    const nodes = await startNodes({ url: orchestrator.url, count: stages, dataDir, deadlineMs: 120_000 })
    try {
      return await use(orchestrator)
    } finally {
      await nodes.close()
    }
  } finally {
    await orchestrator.close()
  }
}
