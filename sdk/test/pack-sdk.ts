/** The package as a stranger gets it: built, packed by npm, unpacked into a folder that resolves nothing but viem and the x402 client beside it. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const sdkDir = fileURLToPath(new URL('..', import.meta.url))
const modules = path.join(sdkDir, '../node_modules')

export interface PackedSdk {
  /** Of a project that has installed it. */
  readonly folder: string
  /** Files in the package, sorted. */
  readonly files: readonly string[]
  /** Runs a file of the folder in plain Node; resolves with what it printed. */
  node(file: string, env?: Readonly<Record<string, string>>): Promise<string>
  remove(): Promise<void>
}

/** `beside`: further packages of this repository that the project has installed. */
export async function packSdk(beside: readonly string[] = []): Promise<PackedSdk> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-sdk-'))
  try {
    return await packInto(folder, beside)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function packInto(folder: string, beside: readonly string[]): Promise<PackedSdk> {
  const built = path.join(folder, 'built')
  await mkdir(path.join(built, 'dist'), { recursive: true })
  // Beside the working tree: whoever builds there meanwhile must not be disturbed.
  await run(process.execPath, [path.join(sdkDir, 'build.mjs'), path.join(built, 'dist')])
  for (const name of ['package.json', 'README.md', 'examples']) {
    await cp(path.join(sdkDir, name), path.join(built, name), { recursive: true })
  }
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: built })
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }]
  const installed = path.join(folder, 'node_modules/@computepool/sdk')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', path.join(folder, filename), '-C', installed, '--strip-components=1'])
  await rm(built, { recursive: true })
  for (const name of ['viem', '@x402/core', '@x402/evm', ...beside]) {
    const link = path.join(folder, 'node_modules', name)
    await mkdir(path.dirname(link), { recursive: true })
    await symlink(path.join(modules, name), link)
  }
  await cp(path.join(installed, 'examples'), path.join(folder, 'examples'), { recursive: true })
  return {
    folder,
    files: files.map(file => file.path).sort(),
    node: async (file, env = {}) => {
      const { stdout } = await run(process.execPath, [path.join(folder, file)], {
        cwd: folder,
        env: { PATH: process.env.PATH ?? '', ...env },
        timeout: 60_000,
      })
      return stdout
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

export const manifestOf = async ({ folder }: PackedSdk) =>
  JSON.parse(await readFile(path.join(folder, 'node_modules/@computepool/sdk/package.json'), 'utf8')) as {
    readonly dependencies: Record<string, string>
    readonly peerDependencies: Record<string, string>
  }
