// Builds what is published: one module in which the pieces of ComputePool's pure core are contained, and the types that a user sees. viem and
// the x402 client stay outside; anything else that would have to be resolved, or belongs to Node alone, fails the build.
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.dirname(here)
const outDir = path.resolve(process.argv[2] ?? path.join(here, 'dist'))
const outside = /^(viem|@x402\/core|@x402\/evm)(\/|$)/

await rm(outDir, { recursive: true, force: true })
await mkdir(outDir, { recursive: true })
await Promise.all([buildModule(), buildTypes()])
await copyFile(path.join(root, 'LICENSE'), path.join(outDir, 'LICENSE'))

async function buildModule() {
  const [{ output }] = await build({
    configFile: false,
    root: here,
    logLevel: 'warn',
    build: {
      outDir,
      emptyOutDir: false,
      target: 'es2022',
      minify: false,
      lib: { entry: 'src/index.ts', formats: ['es'], fileName: () => 'index.js' },
      rolldownOptions: {
        external: outside,
        // The core is pure: what nobody uses of it has no effect.
        treeshake: { moduleSideEffects: id => !/\/(shared\/src|contracts\/abi)\//.test(id) },
      },
    },
  })
  await tellLicences(output.flatMap(chunk => chunk.moduleIds ?? []))
  const code = await readFile(path.join(outDir, 'index.js'), 'utf8')
  const needs = [...code.matchAll(/^(?:import|export)\b[^'"\n]*['"]([^'"]+)['"]/gm)].map(([, name]) => name)
  for (const name of needs) if (!outside.test(name)) throw new Error(`The module needs ${name}.`)
  if (/['"]node:|\bBuffer\.|\bprocess\.\w|\brequire\(/.test(code))
    throw new Error('The module names what only Node has.')
}

/** Of the packages that are contained in the module, the licences that must go with them. */
async function tellLicences(moduleIds) {
  const folders = new Set(moduleIds.flatMap(id => id.match(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/)?.[0] ?? []))
  const texts = [...folders].sort().map(async folder => {
    const { name, version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
    const file = (await readdir(folder)).find(one => /^licen[cs]e(\.\w+)?$/i.test(one))
    if (file === undefined) throw new Error(`${name} comes without a licence.`)
    return `${name} ${version}\n\n${await readFile(path.join(folder, file), 'utf8')}`
  })
  await writeFile(path.join(outDir, 'THIRD-PARTY-LICENSES'), (await Promise.all(texts)).join('\n----\n\n'))
}

/** Keeps the declarations that lead from the front door, and no other. */
async function buildTypes() {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const args = ['-p', path.join(here, 'tsconfig.json'), '--noEmit', 'false', '--declaration', '--emitDeclarationOnly']
  const dirs = ['--outDir', outDir, '--rootDir', path.join(here, 'src')]
  const { status } = spawnSync(process.execPath, [tsc, ...args, ...dirs], { stdio: 'inherit' })
  if (status !== 0) throw new Error('The types cannot be built.')
  const kept = new Set()
  const keep = async name => {
    if (kept.has(name)) return
    kept.add(name)
    const text = await readFile(path.join(outDir, name), 'utf8')
    const found = [...text.matchAll(/from '([^']+)'/g)].map(([, from]) => from)
    for (const from of found) {
      if (from.startsWith('./')) await keep(from.replace(/^\.\/(.+)\.ts$/, '$1.d.ts'))
      else if (!outside.test(from)) throw new Error(`The types of ${name} need ${from}.`)
    }
    await writeFile(path.join(outDir, name), text.replaceAll(/from '(\.\/[^']+)\.ts'/g, "from '$1.js'"))
  }
  await keep('index.d.ts')
  for (const name of await readdir(outDir)) {
    if (name.endsWith('.d.ts') && !kept.has(name)) await rm(path.join(outDir, name))
  }
}
