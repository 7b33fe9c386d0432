/**
 * A program of this repository as one file of JavaScript, for tests that start it many times: through tsx a start reads and compiles
 * some hundred files anew, which is most of its work. Made once a test process, from the sources as they are. It knows no program.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { isAlive } from '../../contracts/chain/process-alive.ts'

const self = fileURLToPath(import.meta.url)
const repository = fileURLToPath(new URL('../../', import.meta.url))
/** Below node_modules, so that what is not bundled is found from there. */
const cache = path.join(repository, 'node_modules/.cache/computepool-programs')
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

const known = new Map<string, Promise<string>>()

/** The path of the JavaScript that stands for the TypeScript `entry`; plain `node` runs it, while this process lives. */
export function bundleProgram(entry: string): Promise<string> {
  const made = known.get(entry) ?? bundleApart(entry)
  known.set(entry, made)
  return made
}

/** In a process of its own: a bundler takes hundreds of megabytes, and a test process lives for minutes. */
async function bundleApart(entry: string): Promise<string> {
  await removeThoseOfTheDead()
  const folder = await mkdtemp(path.join(cache, `${process.pid}-`))
  const child = execFile(process.execPath, ['--import', 'tsx', self, entry, folder])
  let complaint = ''
  child.stderr!.on('data', text => {
    complaint += text
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${entry} was not bundled:\n${complaint}`)
  return path.join(folder, 'program.mjs')
}

/** A test process is ended by a signal and cleans nothing up, so that the next one does. */
async function removeThoseOfTheDead(): Promise<void> {
  await mkdir(cache, { recursive: true })
  for (const folder of await readdir(cache)) {
    if (isAlive({ pid: Number.parseInt(folder, 10), startedTicks: null })) continue
    await rm(path.join(cache, folder), { recursive: true, force: true })
  }
}

async function bundle(entry: string, outDir: string): Promise<void> {
  await build({
    configFile: false,
    root: repository,
    logLevel: 'error',
    ssr: { noExternal: true, external: apart },
    build: {
      ssr: entry,
      outDir,
      emptyOutDir: true,
      minify: false,
      rolldownOptions: { output: { entryFileNames: 'program.mjs', chunkFileNames: '[name]-[hash].mjs' } },
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

if (process.argv[1] === self) await bundle(process.argv[2]!, process.argv[3]!)
