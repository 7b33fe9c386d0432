/** A process that starts auditors and waits, for tests that kill it. The program that it starts is `idle-program.ts`. */
import { fileURLToPath } from 'node:url'
import { startAuditors } from '../src/auditors/start-auditors.ts'
import { hostClock } from '../src/host.ts'

startAuditors({
  url: process.env.IDLE_PROGRAM_URL!,
  keys: [`0x${'42'.repeat(32)}`],
  keeperKeys: ['kh_own'],
  chain: { rpcUrl: 'https://rpc.example/v2/key', registries: [`0x${'c0'.repeat(20)}`] },
  dataDir: '.',
  clock: hostClock,
  onFault: fault => console.error(fault),
  program: fileURLToPath(new URL('./idle-program.ts', import.meta.url)),
})
setInterval(() => {}, 60_000)
