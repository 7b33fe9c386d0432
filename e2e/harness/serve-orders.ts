/** An orchestrator as a program: its argument says what it serves. It tells its parent once it can be asked, and again once its till is open. */
import { embeddedRules } from '@computepool/contracts/deploy'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import type { Orders } from './orchestrator-process.ts'

const { packDir, dataDir, pricePerSecondAtomic: price, trust, cli } = JSON.parse(process.argv[2]!) as Orders
const running = await startOrchestrator({
  port: 0,
  packDir,
  pageFolder: null,
  minSeats: trust?.seats ?? 2,
  ...(trust === null ? {} : { maxSeats: trust.seats, auditors: trust.auditors, auditorsProgram: cli }),
  // Fifty sessions ask at once.
  requests: { maxRunning: 64, maxQueued: 64, stallTimeoutMs: 300_000, queueTimeoutMs: 300_000 },
  limitsFor: () => ({ perMinute: 60_000, concurrent: 256 }),
  money:
    dataDir === null
      ? { mode: 'free' }
      : {
          mode: 'paid',
          chain: { kind: 'embedded', rules: { ...embeddedRules, ...trust?.rules } },
          dataDir,
          ...(trust === null ? {} : { stakeAtomic: BigInt(trust.stakeAtomic) }),
          ...(price === null ? {} : { pricePerSecondAtomic: BigInt(price) }),
        },
  onFault: fault => console.error('Fault:', fault),
})
process.on('SIGTERM', () => void running.close().then(() => process.exit(0)))
process.send!({ url: running.url })
await running.money?.ready
process.send!({ url: running.url })
