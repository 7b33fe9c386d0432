/** An orchestrator as a process of its own, on a real chain, that kills itself at a step of the outbox once it was told which. */
import type { KillPoint } from '../src/payments/outbox-ports.ts'
import { startOrchestrator } from '../src/serve.ts'

export interface DeathWish {
  readonly kind: string
  readonly point: KillPoint
}

const [dataDir, packDir] = process.argv.slice(2)
let wish: DeathWish | null = null
process.on('message', message => {
  wish = message as DeathWish
  process.send!({ type: 'armed' })
})
const running = await startOrchestrator({
  port: 0,
  packDir: packDir!,
  pageFolder: null,
  money: {
    mode: 'paid',
    chain: { kind: 'embedded' },
    dataDir: dataDir!,
    pricePerSecondAtomic: 100_000n,
    killPoint: (point, { kind }) => {
      if (wish?.point === point && wish.kind === kind) process.kill(process.pid, 'SIGKILL')
    },
  },
  onFault: fault => console.error(fault),
})
await running.money!.ready
process.send!({ type: 'ready', url: running.url, ownerToken: running.money!.desk.ownerToken })
process.on('SIGTERM', () => void running.close().then(() => process.exit(0)))
