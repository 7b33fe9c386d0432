/** The soak's orchestrator: a process of its own that serves a pack until it is told to end. Its argument: a `SoakOrder` as JSON. */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'

export interface SoakOrder {
  readonly packDir: string
  readonly seats: number
  readonly withPage: boolean
  /** One client may fill the queue. */
  readonly limits: { readonly maxRunning: number; readonly maxQueued: number }
}

const { packDir, seats, withPage, limits } = JSON.parse(process.argv[2]!) as SoakOrder
const orchestrator = await startOrchestrator({
  port: 0,
  packDir,
  minSeats: seats,
  maxSeats: seats,
  ...(withPage ? {} : { pageFolder: null }),
  requests: { ...limits, maxQueuedPerClient: limits.maxQueued },
  limitsFor: () => ({ perMinute: 1e6, concurrent: 256 }),
  onFault: fault => console.error('Fault:', fault),
})
process.on('SIGTERM', () => void orchestrator.close().then(() => process.exit(0)))
process.send!({ url: orchestrator.url, model: orchestrator.model })
