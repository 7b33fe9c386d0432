/**
 * Compiles our Solidity with solc-js, on demand and once: what is in dist/ is used again while sources and compiler are the same,
 * so a fresh clone needs no separate step. Knows files and the compiler; knows no chain.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Abi, Hex } from 'viem'
import { onceAcross } from './compile-lock.ts'
import { readSources } from './read-sources.ts'

/** What a deployment needs of one contract. */
export interface Artifact {
  readonly name: string
  /** The file that declares it, relative to contracts/ (or a package's import path). */
  readonly source: string
  readonly abi: Abi
  /** Creation code, without constructor arguments. */
  readonly bytecode: Hex
  /** Code as it lies on the chain, with zeros where immutables go; EIP-170 allows 24,576 bytes. */
  readonly deployedBytecode: Hex
}

export type Artifacts = ReadonlyMap<string, Artifact>

const contractsDir = path.resolve(import.meta.dirname, '..')
const require = createRequire(import.meta.url)

/**
 * cancun: anvil, 0G and every chain that Superfluid is on have it; OpenZeppelin 5.7 uses mcopy, the vault transient storage.
 * viaIR, because without it the vault has 24,304 bytes of the 24,576 that a chain takes, with it 22,900; tests' own contracts
 * do without, and compile three times as fast.
 */
const settingsOf = (folders: readonly string[]) => ({
  optimizer: { enabled: true, runs: 200 },
  viaIR: folders.includes('src'),
  evmVersion: 'cancun',
  metadata: { bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
})

const running = new Map<string, Promise<Artifacts>>()

/**
 * Every contract below `folders` (relative to contracts/, default `src`) and what they import, by name.
 *
 * Takes some seconds the first time and milliseconds afterwards. Errors: `bug_contract_invalid` with the compiler's own text
 * (file, line, source) where a source does not compile, or where two contracts have one name.
 */
export function compileContracts(folders: readonly string[] = ['src']): Promise<Artifacts> {
  const key = folders.join(' ')
  const known = running.get(key)
  if (known) return known
  const compiling = compileOnce(folders)
  running.set(key, compiling)
  compiling.catch(() => running.delete(key))
  return compiling
}

/** The artifact of our contract `name`. Errors: those of `compileContracts`; `bug_contract_invalid` where there is none. */
export async function artifactOf(name: string, folders?: readonly string[]): Promise<Artifact> {
  const artifacts = await compileContracts(folders)
  const artifact = artifacts.get(name)
  if (artifact) return artifact
  throw new ComputePoolError('bug_contract_invalid', `No contract is called ${name}.`, {
    remedy: `Known are: ${[...artifacts.keys()].sort().join(', ')}.`,
  })
}

/** solc's standard JSON for `folders`: what an explorer compiles to check the code on a chain. */
export async function standardInputOf(folders: readonly string[]): Promise<string> {
  const sources = await readSources({ contractsDir, folders })
  return JSON.stringify({ language: 'Solidity', sources, settings: settingsOf(folders) })
}

let version: Promise<string> | undefined

/** As explorers write it, like v0.8.37+commit.6e8d3a6b. */
export function compilerVersion(): Promise<string> {
  version ??= askCompiler('version()', '').then(text => `v${/^[^+]+\+commit\.[0-9a-f]+/.exec(text)![0]}`)
  return version
}

async function compileOnce(folders: readonly string[]): Promise<Artifacts> {
  const input = await standardInputOf(folders)
  const { version: compiler } = require('solc/package.json') as { version: string }
  const digest = createHash('sha256').update(compiler).update('\0').update(input).digest('hex')
  const file = path.join(contractsDir, 'dist', `artifacts-${digest.slice(0, 16)}.json`)

  await mkdir(path.dirname(file), { recursive: true })
  return onceAcross({
    lockFile: `${file}.lock`,
    async done() {
      const cached = await readFile(file, 'utf8').catch(() => undefined)
      return cached === undefined ? undefined : byName(JSON.parse(cached) as Artifact[])
    },
    async make() {
      const artifacts = await runCompiler(input)
      const named = byName(artifacts)
      // Readers see the whole file or none.
      const draft = `${file}.${process.pid}`
      await writeFile(draft, JSON.stringify(artifacts))
      await rename(draft, file)
      return named
    },
  })
}

interface CompilerOutput {
  readonly errors?: readonly { severity: string; formattedMessage: string }[]
  readonly contracts?: Record<string, Record<string, CompiledContract>>
}

interface CompiledContract {
  readonly abi: Abi
  readonly evm: { bytecode: { object: string }; deployedBytecode: { object: string } }
}

async function runCompiler(input: string): Promise<Artifact[]> {
  const output = JSON.parse(await askCompiler('compile(workerData.input)', input)) as CompilerOutput
  const complaints = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (complaints.length > 0) {
    const text = complaints.map(({ formattedMessage }) => formattedMessage.trim()).join('\n\n')
    throw new ComputePoolError('bug_contract_invalid', `The contracts do not compile:\n${text}`, {
      remedy: 'Mend the Solidity at the line shown.',
    })
  }
  return Object.entries(output.contracts ?? {}).flatMap(([source, contracts]) =>
    Object.entries(contracts)
      // Interfaces of packages have no code and would only crowd the names.
      .filter(([, { evm }]) => evm.bytecode.object !== '' || !source.startsWith('@'))
      .map(([name, { abi, evm }]) => ({
        name,
        source,
        abi,
        bytecode: `0x${evm.bytecode.object}` as const,
        deployedBytecode: `0x${evm.deployedBytecode.object}` as const,
      })),
  )
}

/** In a thread of its own: the compiler is 9 MB of WebAssembly that holds a thread for ten seconds, and hooks the process it is in. */
function askCompiler(question: 'compile(workerData.input)' | 'version()', input: string): Promise<string> {
  const script =
    "const { parentPort, workerData } = require('node:worker_threads');" +
    `parentPort.postMessage(require(workerData.solc).${question})`
  const worker = new Worker(script, { eval: true, execArgv: [], workerData: { solc: require.resolve('solc'), input } })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`The compiler’s thread ended with ${code} and no answer.`)))
  })
}

function byName(artifacts: readonly Artifact[]): Artifacts {
  const names = new Map<string, Artifact>()
  for (const artifact of artifacts) {
    const other = names.get(artifact.name)
    if (other) {
      throw new ComputePoolError(
        'bug_contract_invalid',
        `Two contracts are called ${artifact.name}: in ${other.source} and in ${artifact.source}.`,
        { remedy: 'Rename one of them: artifacts are asked for by name.' },
      )
    }
    names.set(artifact.name, artifact)
  }
  return names
}
