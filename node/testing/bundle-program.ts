/**
 * Programs of this repository as JavaScript, for tests that start them: through tsx a start reads and compiles some hundred files anew,
 * which is most of its work. Made once for the sources as they are, whichever process asks first. It knows no program but by its path.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onceInFolder } from '../../contracts/build/once-in-folder.ts'
import { digestSources } from './digest-sources.ts'

const self = fileURLToPath(import.meta.url)
const repository = fileURLToPath(new URL('../../', import.meta.url))
/** Below node_modules, so that what is not bundled is found from there. */
const cache = path.join(repository, 'node_modules/.cache/computepool-programs')
/** Most of each is what the others have too: all of them together take little more than one. */
const together = [
  'node/src/cli.ts',
  'orchestrator/testing/mortal-orchestrator.ts',
  'e2e/harness/serve-orders.ts',
  'e2e/soak/soak-orchestrator.ts',
]
/** They find files beside their own, are native, or are loaded by few. */
const apart = [
  '@electric-sql/pglite',
  '@foundry-rs/anvil',
  '@superfluid-finance/ethereum-contracts',
  'node-datachannel',
  'onnxruntime-node',
  'playwright',
  'solc',
  'vite',
]

let made: Promise<string> | null = null

/** The path of the JavaScript that stands for `entry`, a path below the repository and one of those above; plain `node` runs it. */
export async function bundleProgram(entry: string): Promise<string> {
  if (!together.includes(entry)) throw new Error(`${entry} is none of the programs that are bundled.`)
  made ??= makeOnce()
  return path.join(await made, nameOf(entry))
}

const nameOf = (entry: string): string => `${path.basename(entry, '.ts')}.mjs`

async function makeOnce(): Promise<string> {
  return onceInFolder({ cache, name: await digestSources(repository), make: bundleApart })
}

/** In a process of its own: a bundler takes hundreds of megabytes, and a test process lives for minutes. */
async function bundleApart(outDir: string): Promise<void> {
  const child = execFile(process.execPath, ['--import', 'tsx', self, outDir])
  let complaint = ''
  child.stderr!.on('data', text => {
    complaint += text
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`The programs were not bundled:\n${complaint}`)
}

async function bundle(outDir: string): Promise<void> {
  // Only who bundles loads it.
  const { build } = await import('vite')
  await build({
    configFile: false,
    root: repository,
    logLevel: 'error',
    ssr: { noExternal: true, external: apart },
    build: {
      ssr: true,
      outDir,
      emptyOutDir: true,
      minify: false,
      rolldownOptions: {
        input: together.map(entry => path.join(repository, entry)),
        output: { entryFileNames: '[name].mjs', chunkFileNames: 'chunks/[name]-[hash].mjs' },
      },
    },
    plugins: [
      {
        name: 'own places',
        enforce: 'pre',
        // A module finds files beside itself, and goes on doing so.
        transform: (code, id) =>
          code.includes('import.meta.')
            ? code
                .replaceAll('import.meta.dirname', JSON.stringify(path.dirname(id)))
                .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
            : null,
      },
    ],
  })
}

if (process.argv[1] === self) await bundle(process.argv[2]!)
