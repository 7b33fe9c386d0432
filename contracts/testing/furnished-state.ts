/**
 * The state of a chain with Superfluid, test USDC and funded keys on it. To deploy them takes most of a second of a core, so it is done once
 * for the code as it is, and every test chain loads what was dumped. It knows no vault, and no chain but the one that it is made on.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { hexToBytes, type PublicClient, parseAbi, parseEther } from 'viem'
import { onceInFolder } from '../build/once-in-folder.ts'
import { findAnvil } from '../chain/find-anvil.ts'
import { type ChainManifest, createDeployer, deployFramework, localSettings } from '../deploy/index.ts'
import { spawnAnvil } from './spawn-anvil.ts'
import { testAccounts } from './test-accounts.ts'
import { clientsFor, testChainAt } from './test-clients.ts'

export interface Furnishing {
  readonly chainId?: number | undefined
  readonly liquidationPeriodSeconds?: number | undefined
  /** Test USDC that each payer holds at the start. Default 1,000 USDC. */
  readonly payerAtomic?: bigint | undefined
}

const repository = path.resolve(import.meta.dirname, '../..')
const cache = path.join(repository, 'node_modules/.cache/computepool-chains')
/** What is deployed, and what deploys it. */
const madeOf = ['build', 'chain', 'deploy', 'src/chain', 'testing'].map(name =>
  path.join(repository, 'contracts', name),
)
const mintAbi = parseAbi(['function mint(address to, uint256 value)'])

/** `file` is what anvil loads. */
export async function furnishedState(furnishing: Furnishing): Promise<{ file: string; manifest: ChainManifest }> {
  const { chainId = 31337, liquidationPeriodSeconds, payerAtomic = 1_000_000_000n } = furnishing
  const hash = createHash('sha256')
  // What is installed may be of another version than what is locked.
  const anvilPackage = path.resolve(findAnvil(), '../../package.json')
  for (const file of [path.join(repository, 'package-lock.json'), anvilPackage]) hash.update(await readFile(file))
  for (const folder of madeOf) {
    for (const name of (await readdir(folder)).sort()) {
      if (/(?<!\.test)\.(ts|sol)$/.test(name)) hash.update(name).update(await readFile(path.join(folder, name)))
    }
  }
  hash.update(`${chainId} ${liquidationPeriodSeconds} ${payerAtomic}`)
  const folder = await onceInFolder({
    cache,
    name: hash.digest('hex').slice(0, 32),
    make: async draft => {
      const { state, manifest } = await furnish({ chainId, liquidationPeriodSeconds, payerAtomic })
      await writeFile(path.join(draft, 'state.json'), state)
      await writeFile(path.join(draft, 'manifest.json'), JSON.stringify(manifest))
    },
  })
  const manifest = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as ChainManifest
  return { file: path.join(folder, 'state.json'), manifest }
}

async function furnish({
  chainId,
  liquidationPeriodSeconds,
  payerAtomic,
}: Furnishing & { chainId: number; payerAtomic: bigint }) {
  const anvil = await spawnAnvil({ chainId })
  try {
    const chain = testChainAt(anvil.url, chainId)
    const { publicClient, testClient, wallet } = clientsFor(chain, anvil.url)
    const { owner, settler, keeper, payers, stranger } = testAccounts
    for (const { address } of [owner, settler, keeper, stranger, ...payers]) {
      await testClient.setBalance({ address, value: parseEther('1000') })
    }
    const deployer = createDeployer({
      client: publicClient as PublicClient,
      chain,
      account: owner,
      settings: { ...localSettings, pollingIntervalMs: 10 },
    })
    const { manifest } = await deployFramework({ deployer, liquidationPeriodSeconds })
    const usdc = { address: manifest.contracts.usdc, abi: mintAbi, functionName: 'mint' } as const
    for (const { address } of payerAtomic > 0n ? payers : []) {
      await deployer.receipt(await wallet(owner).writeContract({ ...usdc, args: [address, payerAtomic] }), 'mint')
    }
    // Compressed in an RPC's answer; from a file anvil takes it as it is.
    return { manifest, state: gunzipSync(hexToBytes(await testClient.dumpState())) }
  } finally {
    await anvil.close()
  }
}
