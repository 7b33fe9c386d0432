// A process that holds a test's anvil, for the test that kills it: prints anvil's pid, then waits.
import { spawnAnvil } from './spawn-anvil.ts'

console.log((await spawnAnvil()).pid)
setInterval(() => {}, 1000)
