/** The soak's orchestrator: a process of its own that serves a pack until it is told to end. Arguments: pack folder, fewest seats. */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'

const [packDir, seats, page] = process.argv.slice(2) as [string, string, string]
const orchestrator = await startOrchestrator({
  port: 0,
  packDir,
  minSeats: Number(seats),
  maxSeats: Number(seats),
  ...(page === 'page' ? {} : { pageFolder: null }),
  limitsFor: () => ({ perMinute: 1e6, concurrent: 256 }),
  onFault: fault => console.error('Fault:', fault),
})
process.on('SIGTERM', () => void orchestrator.close().then(() => process.exit(0)))
process.send!({ url: orchestrator.url, model: orchestrator.model })
