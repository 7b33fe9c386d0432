import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileContracts } from '@computepool/contracts/build'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleProgram } from '../testing/bundle-program.ts'

const script = await bundleProgram('node/src/cli.ts')
let dataDir: string
// A vault's source that changed is compiled once, which on a busy machine takes longer than a test may.
beforeAll(() => compileContracts().then(() => {}), 300_000)
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'deploy-'))
})
afterAll(() => rm(dataDir, { recursive: true }))

function deploy(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'deploy', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

it('deploys to the embedded chain, and finds it all on the next run', () => {
  const first = deploy('--chain', 'embedded', '--data', dataDir, '--model', 'me/tiny')
  expect(first.stderr).toContain('17/17 agreement forwarders')
  expect(first.stdout).toMatch(/^ComputePool embedded chain \(31337\): 22 transactions, \d\d\.\d M gas, checked\./)
  const second = deploy('--chain', 'embedded', '--data', dataDir, '--model', 'me/tiny', '--json')
  const deployed = JSON.parse(second.stdout.trim().split('\n').at(-1)!)
  expect(deployed).toMatchObject({ type: 'deployed', chainId: 31337, transactions: 0, gasUsed: '0' })
  expect(first.stdout).toContain(deployed.manifest.vaults[0].address)
  expect(first.stdout).toContain(`coalitions: ${deployed.manifest.coalition.address}`)
  expect(second.status).toBe(0)
})

it.each([
  [['--help'], 0, 'COMPUTEPOOL_OWNER_KEY'],
  [[], 1, '--chain is missing'],
  [['--chain', 'embedded', '--price', '1.5'], 1, '--price is "1.5"'],
  [['--chain', 'embedded', '--nonsense'], 1, '--nonsense'],
  [['--chain', 'embedded', '--auditors', '0x12'], 1, '--auditors is not an address: "0x12"'],
  [['--chain', 'embedded', '--quorum', '0'], 1, '--quorum is "0"'],
])('answers %j', (args, status, words) => {
  const told = deploy(...args)
  expect({ status: told.status, told: told.stdout + told.stderr }).toEqual({
    status,
    told: expect.stringContaining(words),
  })
})
