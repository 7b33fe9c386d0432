/**
 * Asks a chain whether it holds what a manifest says, wired as it should be: every address, every owner, every role. It only
 * reads; `exerciseDeployment` is the one that moves money.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Address,
  type ContractFunctionName,
  isAddressEqual,
  keccak256,
  type PublicClient,
  parseAbi,
  stringToHex,
  zeroAddress,
} from 'viem'
import { poolInftAbi, teeDataVerifierAbi } from '../abi/pool-inft.ts'
import { streamVaultAbi } from '../abi/stream-vault.ts'
import { superfluidPoolAbi } from '../abi/superfluid.ts'
import type { ChainManifest } from './chain-manifest.ts'
import { registryAbi } from './deploy-coalition.ts'

const abi = parseAbi([
  'function owner() view returns (address)',
  'function implementation() view returns (address)',
  'function getGovernance() view returns (address)',
  'function getSuperTokenFactory() view returns (address)',
  'function isAgreementClassListed(address agreement) view returns (bool)',
  'function NON_UPGRADABLE_DEPLOYMENT() view returns (bool)',
  'function isTrustedForwarder(address host, address token, address forwarder) view returns (bool)',
  'function getPPPConfig(address host, address token) view returns (uint256 liquidation, uint256 patrician)',
  'function getRewardAddress(address host, address token) view returns (address)',
  'function hasRole(bytes32 role, address account) view returns (bool)',
  'function getHost() view returns (address)',
  'function getUnderlyingToken() view returns (address)',
])
const DEFAULT_ADMIN_ROLE = `0x${'0'.repeat(64)}` as const

/** @throws chain_wrong with everything that is not as the manifest says; chain_unreachable where the chain does not answer. */
export async function verifyDeployment(client: PublicClient, manifest: ChainManifest): Promise<void> {
  const chainId = await client.getChainId().catch(cause => {
    throw new ComputePoolError('chain_unreachable', 'The chain does not answer.', {
      remedy: 'Check the RPC address.',
      cause,
    })
  })
  const complaints: string[] = []
  if (chainId !== manifest.chainId) complaints.push(`the chain is ${chainId}, the manifest is ${manifest.chainId}'s`)
  const { contracts, owner } = manifest
  for (const [name, address] of Object.entries(contracts)) {
    if (((await client.getCode({ address })) ?? '0x') === '0x') complaints.push(`${name} is not at ${address}`)
  }
  // Without code every question below would fail for the same reason.
  if (complaints.length === 0) {
    const answers = await Promise.all([
      ...questionsOf(client, manifest),
      ...vaultQuestions(client, manifest),
      ...coalitionQuestions(client, manifest),
      ...inftQuestions(client, manifest),
    ])
    for (const [question, isSo] of answers) if (!isSo) complaints.push(question)
  }
  if (complaints.length > 0) {
    throw new ComputePoolError('chain_wrong', `The deployment is not as its manifest says: ${complaints.join('; ')}.`, {
      remedy: `Run computepool deploy again; what ${owner} does not own must be deployed from its own key.`,
      context: { chainId, complaints: complaints.length },
    })
  }
}

type Answer = Promise<readonly [question: string, isSo: boolean]>

function questionsOf(client: PublicClient, { contracts, owner, liquidationPeriodSeconds }: ChainManifest): Answer[] {
  const { host, governance } = contracts
  const ask = (
    question: string,
    address: Address,
    functionName: ContractFunctionName<typeof abi>,
    args: readonly unknown[],
    expected: Address | boolean,
  ): Answer =>
    client
      .readContract({ address, abi, functionName, args } as never)
      .then(answer => [question, isSame(answer, expected)] as const)
      .catch(() => [question, false] as const)
  const trusts = (name: string, forwarder: Address) =>
    ask(
      `governance trusts the ${name} forwarder`,
      governance,
      'isTrustedForwarder',
      [host, zeroAddress, forwarder],
      true,
    )
  return [
    ask('the factory obeys the owner', contracts.factory, 'owner', [], owner),
    ask('governance obeys the owner', governance, 'owner', [], owner),
    ask('the host obeys governance', host, 'getGovernance', [], governance),
    ask('the host cannot be changed', host, 'NON_UPGRADABLE_DEPLOYMENT', [], true),
    ask('the host lists the constant flow agreement', host, 'isAgreementClassListed', [contracts.cfa], true),
    ask('the host lists the distribution agreement', host, 'isAgreementClassListed', [contracts.gda], true),
    ask('the host has its token factory', host, 'getSuperTokenFactory', [], contracts.superTokenFactory),
    trusts('constant flow', contracts.cfaForwarder),
    trusts('distribution', contracts.gdaForwarder),
    ask('rewards go to the owner', governance, 'getRewardAddress', [host, zeroAddress], owner),
    ask('the pool beacon obeys the host', contracts.poolBeacon, 'owner', [], host),
    ask('the pool beacon shows the pool', contracts.poolBeacon, 'implementation', [], contracts.poolLogic),
    ask('the access list obeys the owner', contracts.simpleAcl, 'hasRole', [DEFAULT_ADMIN_ROLE, owner], true),
    ask(
      'the access list forgot the factory',
      contracts.simpleAcl,
      'hasRole',
      [DEFAULT_ADMIN_ROLE, contracts.factory],
      false,
    ),
    ask(
      'the distribution agreement may note who refuses to be connected',
      contracts.simpleAcl,
      'hasRole',
      [keccak256(stringToHex('ACL_POOL_CONNECT_EXCLUSIVE_ROLE_ADMIN')), contracts.gda],
      true,
    ),
    ask('USDCx belongs to the host', contracts.usdcx, 'getHost', [], host),
    ask('USDCx wraps USDC', contracts.usdcx, 'getUnderlyingToken', [], contracts.usdc),
    client
      .readContract({ address: governance, abi, functionName: 'getPPPConfig', args: [host, contracts.usdcx] })
      .then(([period]) => [`the buffer is ${liquidationPeriodSeconds} s`, period === BigInt(liquidationPeriodSeconds)]),
  ]
}

function vaultQuestions(client: PublicClient, { contracts, vaults }: ChainManifest): Answer[] {
  return vaults.flatMap(vault => {
    const of = { address: vault.address, abi: streamVaultAbi } as const
    const name = `the vault of ${vault.model}`
    const ask = (question: string, answer: Promise<Address>, expected: Address): Answer =>
      answer.then(
        found => [`${name} ${question}`, isAddressEqual(found, expected)],
        () => [`${name} ${question}`, false],
      )
    const allows = (role: 'settler' | 'keeper', functionName: 'isSettler' | 'isKeeper'): Answer =>
      client.readContract({ ...of, functionName, args: [vault[role]] }).then(
        isAllowed => [`${name} obeys its ${role} ${vault[role]}`, isAllowed],
        () => [`${name} obeys its ${role} ${vault[role]}`, false],
      )
    return [
      allows('settler', 'isSettler'),
      allows('keeper', 'isKeeper'),
      ask('holds USDCx', client.readContract({ ...of, functionName: 'usdcx' }), contracts.usdcx),
      ask('obeys its owner', client.readContract({ ...of, functionName: 'owner' }), vault.owner),
      ask('has its pool', client.readContract({ ...of, functionName: 'pool' }), vault.pool),
      ask(
        'rules its pool',
        client.readContract({ address: vault.pool, abi: superfluidPoolAbi, functionName: 'admin' }),
        vault.address,
      ),
    ]
  })
}

function coalitionQuestions(client: PublicClient, { contracts, coalition }: ChainManifest): Answer[] {
  if (!coalition) return []
  const told = client.readContract({ address: coalition.address, abi: registryAbi, functionName: 'config' })
  const ask = (question: string, isSo: (config: Awaited<typeof told>) => boolean): Answer =>
    told.then(
      config => [`the registry of coalitions ${question}`, isSo(config)],
      () => [`the registry of coalitions ${question}`, false],
    )
  // Not the quorum: the owner may have changed it on chain since.
  return [
    ask('holds stakes in USDC', ({ usdc }) => isAddressEqual(usdc, contracts.usdc)),
    ask('obeys its owner', ({ owner }) => isAddressEqual(owner, coalition.owner)),
    ask('has its treasury', ({ treasury }) => isAddressEqual(treasury, coalition.treasury)),
  ]
}

function inftQuestions(client: PublicClient, { inft, storageFlow }: ChainManifest): Answer[] {
  const ask = (question: string, answer: Promise<boolean>): Answer =>
    answer.then(
      isSo => [question, isSo],
      () => [question, false],
    )
  const flow = storageFlow && client.getCode({ address: storageFlow }).then((code = '0x') => code !== '0x')
  const flowAnswers = flow ? [ask('the stand-in for 0G Storage’s flow contract is there', flow)] : []
  if (!inft) return flowAnswers
  const verifier = { address: inft.verifier, abi: teeDataVerifierAbi } as const
  const named = client.readContract({ address: inft.token, abi: poolInftAbi, functionName: 'verifier' })
  const owner = client.readContract({ ...verifier, functionName: 'owner' })
  const takes = client.readContract({ ...verifier, functionName: 'takesSimulated' })
  return [
    ...flowAnswers,
    ask(
      'the INFT asks its verifier',
      named.then(address => isAddressEqual(address, inft.verifier)),
    ),
    ask(
      'the INFT’s verifier obeys its owner',
      owner.then(address => isAddressEqual(address, inft.owner)),
    ),
    ask(
      `the INFT’s verifier ${inft.takesSimulated ? 'says that it takes' : 'takes no'} simulated oracles`,
      takes.then(isTaken => isTaken === inft.takesSimulated),
    ),
  ]
}

function isSame(answer: unknown, expected: Address | boolean): boolean {
  if (typeof expected === 'boolean') return answer === expected
  return typeof answer === 'string' && isAddressEqual(answer as Address, expected)
}
