// A process that starts the chain of a data folder and holds it, for tests that kill it: prints the chain's URL, then waits.
import { startEmbeddedChain } from '../chain/index.ts'

const chain = await startEmbeddedChain({ dataDir: process.argv[2]! })
console.log(JSON.stringify({ url: chain.url, owner: chain.keys.owner }))
setInterval(() => {}, 1000)
