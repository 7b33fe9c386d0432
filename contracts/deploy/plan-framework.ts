/**
 * Which contracts a deployment consists of, where each will lie, and in what order they come: pure arithmetic over creation codes.
 * Each step is one transaction that does all or nothing, so a step is done where its first contract has code. It sends nothing.
 */
import {
  type Address,
  concat,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  keccak256,
  stringToHex,
  zeroAddress,
} from 'viem'
import type { Artifact } from '../build/compile.ts'
import { linkLibraries, type SuperfluidArtifacts, type SuperfluidName } from './superfluid-artifacts.ts'

export interface Creation {
  readonly salt: Hex
  readonly initCode: Hex
  readonly address: Address
}

export interface Call {
  readonly target: Address
  readonly data: Hex
}

export interface Step {
  readonly name: string
  readonly creations: readonly Creation[]
  readonly calls: readonly Call[]
}

export interface FrameworkPlan {
  readonly steps: readonly Step[]
  readonly addresses: FrameworkAddresses
}

export interface FrameworkAddresses {
  readonly host: Address
  readonly governance: Address
  readonly cfa: Address
  readonly gda: Address
  readonly superTokenFactory: Address
  readonly cfaForwarder: Address
  readonly gdaForwarder: Address
  readonly poolBeacon: Address
  readonly poolLogic: Address
  readonly simpleAcl: Address
  readonly usdc: Address
  readonly usdcx: Address
}

export interface FrameworkSettings {
  readonly factory: Address
  readonly owner: Address
  readonly liquidationPeriodSeconds: number
  readonly patricianPeriodSeconds: number
  /** An existing USDC; without it a TestUsdc is made. */
  readonly usdc?: Address | undefined
}

/** Superfluid's own minimum for a callback's gas, as its production deployments have it. */
const CALLBACK_GAS_LIMIT = 3_000_000n
const SEMI_UPGRADABLE = 1
const ZERO_ROLE = `0x${'0'.repeat(64)}` as const

/** The salt of everything that ComputePool creates under `name`. */
export function saltOf(name: string): Hex {
  return keccak256(stringToHex(`computepool/${name}`))
}

/** What CREATE2 makes of `initCode` below `factory`. */
export function creationOf(factory: Address, name: string, initCode: Hex): Creation {
  const salt = saltOf(name)
  return { salt, initCode, address: getContractAddress({ opcode: 'CREATE2', from: factory, salt, bytecode: initCode }) }
}

/** The plan for one owner on one chain; the same input gives the same addresses, on every chain. */
export function planFramework(
  settings: FrameworkSettings,
  superfluid: SuperfluidArtifacts,
  testUsdc: Artifact,
): FrameworkPlan {
  const { factory, owner } = settings
  const create = (name: SuperfluidName, args: readonly unknown[] = [], code = superfluid[name].bytecode, as?: string) =>
    creationOf(factory, as ?? name, encodeDeployData({ abi: superfluid[name].abi, bytecode: code, args }))
  const call = (name: SuperfluidName, target: Address, functionName: string, args: readonly unknown[] = []): Call => ({
    target,
    data: encodeFunctionData({ abi: superfluid[name].abi, functionName, args }),
  })

  const slots = create('SlotsBitmapLibrary')
  const poolDeployer = create('SuperfluidPoolDeployerLibrary')
  const governance = create('TestGovernance')
  const simpleForwarder = create('SimpleForwarder')
  const erc2771Forwarder = create('ERC2771Forwarder')
  const acl = create('SimpleACL')
  // Not upgradable: not even we can change the code that holds other people's streams.
  const host = create('Superfluid', [
    true,
    false,
    CALLBACK_GAS_LIMIT,
    simpleForwarder.address,
    erc2771Forwarder.address,
    acl.address,
  ])
  const cfa = create('ConstantFlowAgreementV1', [host.address])
  // Pool, beacon and agreement name each other; a first pool without an agreement breaks the circle.
  const firstPool = create('SuperfluidPool', [zeroAddress], undefined, 'SuperfluidPool/first')
  const beacon = create('SuperfluidUpgradeableBeacon', [firstPool.address])
  const gdaCode = linkLibraries(superfluid.GeneralDistributionAgreementV1, {
    SlotsBitmapLibrary: slots.address,
    SuperfluidPoolDeployerLibrary: poolDeployer.address,
  })
  const gda = create('GeneralDistributionAgreementV1', [host.address, beacon.address], gdaCode)
  const pool = create('SuperfluidPool', [gda.address])
  const nftLogic = create('PoolAdminNFT', [host.address, gda.address])
  const nft = create('UUPSProxy', [], undefined, 'PoolAdminNFT/proxy')
  const tokenLogic = create('SuperToken', [host.address, nft.address])
  const tokenFactory = create('SuperTokenFactory', [host.address, tokenLogic.address, nftLogic.address, zeroAddress])
  const cfaForwarder = create('CFAv1Forwarder', [host.address])
  const gdaForwarder = create('GDAv1Forwarder', [host.address])
  const usdc = creationOf(
    factory,
    'TestUsdc',
    encodeDeployData({ abi: testUsdc.abi, bytecode: testUsdc.bytecode, args: [owner] }),
  )
  const usdcAddress = settings.usdc ?? usdc.address
  // A contract's first own creation has nonce 1; the wrapper is made in the transaction that makes the token factory.
  const usdcx = getContractAddress({ opcode: 'CREATE', from: tokenFactory.address, nonce: 1n })

  const govern = (functionName: string, args: readonly unknown[]) =>
    call('TestGovernance', governance.address, functionName, args)
  const connectRole = roleOf('ACL_POOL_CONNECT_EXCLUSIVE_ROLE')
  const connectAdmin = roleOf('ACL_POOL_CONNECT_EXCLUSIVE_ROLE_ADMIN')

  const steps: Step[] = [
    step('libraries', [slots, poolDeployer]),
    step(
      'forwarders',
      [simpleForwarder, erc2771Forwarder],
      [
        call('SimpleForwarder', simpleForwarder.address, 'transferOwnership', [host.address]),
        call('ERC2771Forwarder', erc2771Forwarder.address, 'transferOwnership', [host.address]),
      ],
    ),
    step(
      'access list',
      [acl],
      [
        call('SimpleACL', acl.address, 'setRoleAdmin', [connectRole, connectAdmin]),
        // The agreement itself writes down which members refuse to be connected by others.
        call('SimpleACL', acl.address, 'grantRole', [connectAdmin, gda.address]),
        call('SimpleACL', acl.address, 'grantRole', [ZERO_ROLE, owner]),
        call('SimpleACL', acl.address, 'renounceRole', [ZERO_ROLE, factory]),
      ],
    ),
    step('host', [host], [call('Superfluid', host.address, 'initialize', [governance.address])]),
    step('constant flows', [cfa]),
    step('first pool', [firstPool], [call('SuperfluidPool', firstPool.address, 'castrate')]),
    step('pool', [pool], [call('SuperfluidPool', pool.address, 'castrate')]),
    step(
      'pool beacon',
      [beacon],
      [
        call('SuperfluidUpgradeableBeacon', beacon.address, 'upgradeTo', [pool.address]),
        call('SuperfluidUpgradeableBeacon', beacon.address, 'transferOwnership', [host.address]),
      ],
    ),
    step('distributions', [gda]),
    step(
      'pool admin token',
      [nft, nftLogic],
      [
        call('PoolAdminNFT', nftLogic.address, 'castrate'),
        call('UUPSProxy', nft.address, 'initializeProxy', [nftLogic.address]),
        call('PoolAdminNFT', nft.address, 'initialize', ['Pool Admin NFT', 'PA']),
      ],
    ),
    step('super token', [tokenLogic], [call('SuperToken', tokenLogic.address, 'castrate')]),
    ...(settings.usdc ? [] : [step('test USDC', [usdc])]),
    // All in one: until here the host obeys a governance that does not exist, so nobody can put anything else into it.
    step(
      'governance',
      [governance, tokenFactory],
      [
        govern('initialize', [
          host.address,
          owner,
          BigInt(settings.liquidationPeriodSeconds),
          BigInt(settings.patricianPeriodSeconds),
          [cfaForwarder.address, gdaForwarder.address],
        ]),
        govern('registerAgreementClass', [host.address, cfa.address]),
        govern('registerAgreementClass', [host.address, gda.address]),
        govern('updateContracts', [host.address, zeroAddress, [], tokenFactory.address, zeroAddress]),
        govern('transferOwnership', [owner]),
        call('SuperTokenFactory', tokenFactory.address, 'createERC20Wrapper', [
          usdcAddress,
          SEMI_UPGRADABLE,
          'Super USD Coin',
          'USDCx',
        ]),
      ],
    ),
    // Their constructors ask the host for its agreements; governance trusts their addresses already.
    step('agreement forwarders', [cfaForwarder, gdaForwarder]),
  ]
  return {
    steps,
    addresses: {
      host: host.address,
      governance: governance.address,
      cfa: cfa.address,
      gda: gda.address,
      superTokenFactory: tokenFactory.address,
      cfaForwarder: cfaForwarder.address,
      gdaForwarder: gdaForwarder.address,
      poolBeacon: beacon.address,
      poolLogic: pool.address,
      simpleAcl: acl.address,
      usdc: usdcAddress,
      usdcx,
    },
  }
}

function step(name: string, creations: readonly Creation[], calls: readonly Call[] = []): Step {
  return { name, creations, calls }
}

function roleOf(name: string): Hex {
  return keccak256(stringToHex(name))
}

/** Calldata for the CREATE2 proxy: it takes a salt and the creation code, one after the other. */
export function proxyCreation(name: string, initCode: Hex): Hex {
  return concat([saltOf(name), initCode])
}
