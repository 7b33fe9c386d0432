// Type-checks every workspace; each has its own lib and types, because the pure core may know neither DOM nor Node. Compilers of one
// thread each, one a core: the threads of one compiler each check again much of what the others check.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'

// Those that take longest begin.
const projects = [
  'e2e/tsconfig.json',
  'orchestrator/tsconfig.json',
  'node/tsconfig.json',
  'web/tsconfig.json',
  'sdk/tsconfig.test.json',
  'keeperhub/tsconfig.json',
  'contracts/tsconfig.json',
  'shared/tsconfig.test.json',
  'peer/tsconfig.json',
  'shared/tsconfig.json',
  'signaling/tsconfig.json',
  'sdk/tsconfig.json',
].filter(project => existsSync(project))

const flags = ['--singleThreaded', '--pretty', String(process.stdout.isTTY === true)]
let failed = false

async function check(project) {
  const child = spawn(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = []
  child.stdout.on('data', data => said.push(data))
  const [code] = await once(child, 'close')
  // Whole, and not between another's lines.
  process.stdout.write(Buffer.concat(said))
  failed ||= code !== 0
}

async function checkOneByOne() {
  for (;;) {
    const project = projects.shift()
    if (project === undefined) return
    await check(project)
  }
}

// Each takes half a gigabyte or more.
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, checkOneByOne))
process.exit(failed ? 1 : 0)
