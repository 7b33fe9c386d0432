// Type-checks every workspace; each has its own lib and types, because the pure core may know neither DOM nor Node.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const projects = [
  'shared/tsconfig.json',
  'shared/tsconfig.test.json',
  'peer/tsconfig.json',
  'web/tsconfig.json',
  'node/tsconfig.json',
  'signaling/tsconfig.json',
  'orchestrator/tsconfig.json',
  'contracts/tsconfig.json',
  'keeperhub/tsconfig.json',
  'sdk/tsconfig.json',
  'sdk/tsconfig.test.json',
  'e2e/tsconfig.json',
].filter(project => existsSync(project))

let failed = false
for (const project of projects) {
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  })
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
