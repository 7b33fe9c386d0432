import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyOfSecret } from '@computepool/peer/runtime/key-of-secret.ts'
import { encodeEvidence } from '@computepool/shared/audit'
import { activationFromValues } from '@computepool/shared/engine'
import { parseManifest } from '@computepool/shared/model'
import type { Activation, Engine } from '@computepool/shared/ports'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { garbage, identity } from '../../shared/testing/cheats/change-outputs.ts'
import {
  sampleEvidence as makeEvidence,
  type SampleEvidence,
  type SampleWallet,
} from '../../shared/testing/cheats/sample-evidence.ts'
import { withOutputs } from '../../shared/testing/cheats/wrap-engine.ts'
import { openNativeEngine } from './engine/open-native-engine.ts'
import { packFolderParts } from './engine/pack-folder-parts.ts'
import { verifyCommand } from './verify-command.ts'

const pack = fileURLToPath(new URL('../../models/demo/pack', import.meta.url))
/** Real wallets: what is judged is whether they vouched. */
const wallets = ['1', '2', '3'].map((digit): SampleWallet => {
  const { address, sign } = keyOfSecret(`0x${digit.repeat(64)}`)
  return { peer: `${address}.00000000`, sign }
})
const sampleEvidence = (options: Parameters<typeof makeEvidence>[0]) => makeEvidence({ wallets, ...options })
let folder: string
let model: Parameters<typeof sampleEvidence>[0]['model'] & object
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evidence-'))
  const bytes = await readFile(join(pack, 'manifest.json'))
  const manifest = parseManifest(JSON.parse(bytes.toString('utf8')))
  const parts = packFolderParts(pack)
  model = {
    manifest,
    manifestSha256: createHash('sha256').update(bytes).digest('hex'),
    open: layers =>
      openNativeEngine({ manifest, layers, parts, kvBudgetBytes: 2 ** 26, maxContext: 64 }, { threads: 1 }),
  }
  // Placeholder figures: what was measured is data of its own.
  const native = { kind: 'native', dtype: 'f32' }
  const row = { sides: [native, native], quantisation: manifest.quantisation, layers: 512, relative: 1e-3, logit: 1e-3 }
  const measured = { rows: 1, worst: 1e-6, quantiles: [] }
  const table = { format: 'computepool-tolerance', version: 1, rows: [{ ...row, measured }] }
  await writeFile(join(folder, 'tolerance.json'), JSON.stringify(table))
})
afterAll(() => rm(folder, { recursive: true }))

let printed: string[]
beforeEach(() => {
  printed = []
  vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text))
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

async function verify(sample: SampleEvidence, ...more: string[]) {
  const bytes = encodeEvidence(sample)
  const file = join(folder, 'bundle')
  await writeFile(file, bytes)
  await verifyCommand([file, '--pack', pack, '--tolerance', join(folder, 'tolerance.json'), '--threads', '1', ...more])
  const { exitCode } = process
  return { exitCode, text: printed.join('\n'), sha256: createHash('sha256').update(bytes).digest('hex') }
}

describe.each([0, 1, 2] as const)('evidence about seat %i of the demo model', seat => {
  test('clears who computed honestly, and tells who did not', async () => {
    const honest = await verify(await sampleEvidence({ seat, model }))
    expect(honest.text).toContain('The accused is honest')
    expect(honest.exitCode).toBe(3)
    const { vocab } = model.manifest.dimensions
    const cheat = (engine: Engine) => (seat === 0 ? garbage(engine, { vocab }) : identity(engine))
    const cheated = await verify(await sampleEvidence({ seat, model, cheat }), '--json')
    expect(JSON.parse(printed.at(-1)!)).toMatchObject({
      type: 'verified',
      verdict: 'cheated',
      sha256: cheated.sha256,
      report: { isHonest: false },
    })
    expect(cheated.exitCode).toBe(0)
  })
})

test('an exit whose rows are no numbers, or of another width, is told from', async () => {
  const { hidden, vocab } = model.manifest.dimensions
  const judged = async (value: number, width: number) => {
    const rows = ({ tokens }: Activation) =>
      activationFromValues(new Float32Array(tokens * width).fill(value), width, 'f32')
    const cheat = (engine: Engine) =>
      withOutputs(engine, { activation: honest => honest, token: token => (token + 1) % vocab, rows })
    const sample = await sampleEvidence({ seat: 2, model, cheat })
    const outgoing = { ...sample.header.outgoing, hidden: width }
    return (await verify({ ...sample, header: { ...sample.header, outgoing } })).exitCode
  }
  for (const [value, width] of [
    [Number.NaN, hidden],
    [1e38, hidden],
    [1, 1],
  ] as const) {
    expect(await judged(value, width)).toBe(0)
    expect(printed.at(-1)).toContain('The accused cheated')
  }
  expect(printed.at(-1)).toContain(`rows of 1 numbers; the model's have ${hidden}`)
})

test('evidence that its accuser made up proves nothing, and says why', async () => {
  const sample = await sampleEvidence({ seat: 1, model })
  const outgoing = sample.outgoing.slice()
  outgoing[3]! ^= 0x40
  const { text, exitCode } = await verify({ ...sample, outgoing })
  expect(text).toMatch(/It proves nothing:\n- Frame 0 of what was sent is not the one in the chain\.$/)
  expect(exitCode).toBe(3)
})

test('a victim that is named for another’s key is not accused', async () => {
  const sample = await sampleEvidence({ seat: 1, model, cheat: engine => identity(engine) })
  const header = { ...sample.header, accused: { peer: wallets[0]!.peer } }
  const { text, exitCode } = await verify({ ...sample, header })
  expect(text).toMatch(/It proves nothing:\n- The wallet of the accused did not vouch for its key\.$/)
  expect(exitCode).toBe(3)
})

test('engines that nobody measured are not judged, by the table that came with this version', async () => {
  const sample = await sampleEvidence({ seat: 1, model, cheat: engine => identity(engine) })
  const file = join(folder, 'bundle')
  const judge = async (accused: SampleEvidence['header']['engines']['accused']) => {
    const engines = { ...sample.header.engines, accused }
    await writeFile(file, encodeEvidence({ ...sample, header: { ...sample.header, engines } }))
    await verifyCommand([file, '--pack', pack, '--threads', '1'])
    return printed.at(-1)
  }
  expect(await judge({ kind: 'webgpu', dtype: 'f16' })).toMatch(/not judged: Nobody measured how far webgpu f16/)
  expect(process.exitCode).toBe(3)
  expect(await judge({ kind: 'native', dtype: 'f32' })).toContain('The accused cheated')
  expect(process.exitCode).toBe(0)
})

test('a bundle of another version is called that, with what replays it, and neither side a liar', async () => {
  const bytes = encodeEvidence(await sampleEvidence({ seat: 1, model }))
  // Of the same length.
  const text = Buffer.from(bytes).toString('latin1').replace('"version":3', '"version":9')
  const file = join(folder, 'newer')
  await writeFile(file, Buffer.from(text, 'latin1'))
  await verifyCommand([file, '--pack', pack])
  expect(process.exitCode).toBe(4)
  expect(printed.at(-1)).toMatch(
    /^Evidence [0-9a-f]{64}\nIt is not judged here: This is a bundle of evidence of version 9; .*\nReplay it with a newer release/,
  )
  await verifyCommand([file, '--pack', pack, '--json'])
  expect(JSON.parse(printed.at(-1)!)).toMatchObject({
    type: 'verified',
    verdict: 'other-version',
    code: 'input_version_unsupported',
    context: { version: 9 },
  })
})

test('another pack, a file that is none, and one that is not there are refused by name', async () => {
  const other = await sampleEvidence({ seat: 1, model: { ...model, manifestSha256: '55'.repeat(32) } })
  expect((await verify(other)).text).toContain(`was served of the manifest ${'55'.repeat(32)}`)
  const table = join(folder, 'tolerance.json')
  await expect(verifyCommand([table, '--pack', pack])).rejects.toMatchObject({ code: 'input_invalid' })
  await expect(verifyCommand([join(folder, 'none'), '--pack', pack])).rejects.toMatchObject({ code: 'input_not_found' })
  await expect(verifyCommand(['--pack', pack])).rejects.toThrow('verify takes one bundle.')
})
