import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { manifestPath, readChainManifest, writeChainManifest } from './chain-manifest.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'manifest-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const address = (digit: string) => `0x${digit.repeat(40)}`
/** As it was written before there were coalitions. */
const older = {
  version: 1,
  chainId: 31337,
  owner: address('1'),
  block: '7',
  liquidationPeriodSeconds: 60,
  contracts: Object.fromEntries(
    [
      ...['factory', 'host', 'governance', 'cfa', 'gda', 'superTokenFactory', 'cfaForwarder', 'gdaForwarder'],
      ...['poolBeacon', 'poolLogic', 'simpleAcl', 'usdc', 'usdcx'],
    ].map(name => [name, address('2')]),
  ),
  usdc: { name: 'USD Coin', version: '2', isTest: true },
  vaults: [],
}

it('reads a manifest from before there were coalitions', async () => {
  await mkdir(join(dataDir, 'chains'))
  await writeFile(manifestPath(dataDir, 31337), JSON.stringify(older))
  const manifest = await readChainManifest(dataDir, 31337)
  expect(manifest).toEqual(older)
  expect(manifest?.coalition).toBeUndefined()
})

it('keeps the registry of coalitions, and refuses half of one', async () => {
  await mkdir(join(dataDir, 'chains'))
  await writeFile(manifestPath(dataDir, 31337), JSON.stringify(older))
  const manifest = (await readChainManifest(dataDir, 31337))!
  const registry = {
    address: address('3'),
    owner: address('1'),
    treasury: address('4'),
    quorum: 2,
    codeHash: `0x${'5'.repeat(64)}`,
    block: '9',
  } as const
  const coalition = registry as typeof registry & NonNullable<typeof manifest.coalition>
  await writeChainManifest(dataDir, { ...manifest, coalition, formerCoalitions: [{ ...coalition, block: '8' }] })
  expect(await readChainManifest(dataDir, 31337)).toEqual({
    ...older,
    coalition: registry,
    formerCoalitions: [{ ...registry, block: '8' }],
  })
  const { treasury: _, ...half } = registry
  await writeFile(manifestPath(dataDir, 31337), JSON.stringify({ ...older, coalition: half }))
  await expect(readChainManifest(dataDir, 31337)).rejects.toMatchObject({ code: 'chain_state_invalid' })
})
