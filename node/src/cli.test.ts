import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tinyModels } from '../testing/tiny-weights.ts'

const script = fileURLToPath(new URL('../scripts/computepool.mjs', import.meta.url))
let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pack-'))
})
afterAll(() => rm(root, { recursive: true }))

function computepool(...args: string[]) {
  // npm sets INIT_CWD to where the user typed; here paths are absolute but one.
  const env = { ...process.env, INIT_CWD: root }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env })
  return { status, stdout, stderr }
}

it('packs into a folder that is named from where the user stands', async () => {
  const { status, stdout } = computepool(
    'pack',
    `${tinyModels}qwen3`,
    '--out',
    'packed',
    '--quantisation',
    'q4',
    '--model',
    'me/tiny',
    '--no-self-test',
  )
  expect(stdout).toBe('Packed me/tiny: 3 layers, q4, 0.1 MB, in packed\n')
  expect(status).toBe(0)
  expect(JSON.parse(await readFile(join(root, 'packed/manifest.json'), 'utf8'))).toMatchObject({
    model: 'me/tiny',
    quantisation: 'q4',
    selfTest: null,
  })
})

it('explains itself', () => {
  const overview = computepool('--help')
  expect(overview.status).toBe(0)
  for (const word of ['pack', 'deploy', 'node']) expect(overview.stdout).toContain(`\n${word} `)
  const { status, stdout } = computepool('pack', '--help')
  expect(status).toBe(0)
  for (const word of ['pack <source>', '--quantisation', 'hf:', '--hub', '--json', 'HF_TOKEN'])
    expect(stdout).toContain(word)
})

it.each([
  [['pack', 'x'], '--out is missing'],
  [['pack', 'x', '--out', 'y', '--quantisation', 'q5'], '--quantisation is "q5"'],
  [['unpack'], 'no command "unpack"'],
  [['pack', 'x', '--out', 'y', '--nonsense'], '--nonsense'],
])('refuses %j with what to do', (args, message) => {
  const { status, stderr } = computepool(...args)
  expect(status).toBe(1)
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/computepool (pack )?--help/)
  expect(stderr).not.toMatch(/^\s+at /m)
})

it('gives errors as JSON where JSON is asked for', () => {
  const { status, stderr } = computepool('pack', `${root}/nowhere`, '--out', 'y', '--json')
  expect(status).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ type: 'error', code: 'input_not_found', remedy: 'Check the path.' })
})
