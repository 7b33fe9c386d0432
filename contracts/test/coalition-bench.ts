/**
 * A Coalition on the test EVM beside a real StreamVault: one block a transaction, at seconds that the test chooses. With its people,
 * and what tests read of it. Knows no rule of the contract.
 */
import { transferWithAuthorizationTypes } from '@computepool/shared/money'
import {
  type Abi,
  type Address,
  decodeFunctionResult,
  encodeFunctionData,
  type Hex,
  keccak256,
  type PrivateKeyAccount,
  parseEventLogs,
  stringToHex,
} from 'viem'
import { streamVaultAbi, usdcAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import {
  coalitionSigner,
  type SignedAccusation,
  type SignedConsent,
  type SignedTerms,
} from '../testing/coalition-signing.ts'
import { testAccount } from '../testing/index.ts'
import { openEvmBench, type SendOptions } from './evm-bench.ts'
import { roles } from './vault-bench.ts'

export interface Stake {
  readonly amountAtomic: bigint
  readonly releasableAt: bigint
  readonly openDisputes: number
  readonly isMember: boolean
  readonly isGuilty: boolean
}

export interface Dispute {
  readonly coalition: bigint
  readonly accused: Address
  readonly accuser: Address
  readonly reason: number
  readonly session: Hex
  readonly evidenceHash: Hex
  readonly responseHash: Hex
  readonly bondAtomic: bigint
  readonly openedAt: bigint
  readonly respondUntil: bigint
  readonly voteUntil: bigint
  readonly version: number
  readonly quorum: number
  readonly guiltyVotes: number
  readonly innocentVotes: number
  readonly verdict: number
  readonly isSettled: boolean
}

const validity = { validAfter: 0n, validBefore: 2n ** 40n }
export const noHash: Hex = `0x${'00'.repeat(32)}`
export const states = ['none', 'proposed', 'active', 'ended'] as const
export const verdicts = ['open', 'guilty', 'innocent', 'undecided'] as const
export const treasury: Address = `0x${'7e'.repeat(20)}`

const named = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => testAccount(`coalition ${name} ${index}`))
/** Operators that may form coalitions, accusers from outside, and auditors. */
export const operators = named('operator', 5)
export const accusers = named('accuser', 2)
export const auditors = named('auditor', 3)
const everybody = [...operators, ...accusers, ...auditors]

/** Short, so that a schedule sees every window pass; amounts are odd, so that every division leaves something. */
export const config = {
  quorum: 2,
  bondAtomic: 1_009n,
  accuserCostAtomic: 307n,
  responseSeconds: 60,
  voteSeconds: 90,
  unbondingSeconds: 150,
  maxTermSeconds: 2_000,
  slashBps: [10_000, 5_003, 2_500, 1] as const,
}
export type BenchConfig = typeof config

/** The vault's price; a due of three seconds of it may be charged without any stream. */
export const vaultPriceAtomic = 2_003n

export interface CoalitionBenchOptions {
  /** A hostile token of contracts/test/hostile in place of the test USDC. */
  readonly hostileToken?: string
  readonly change?: Partial<BenchConfig>
}

export type CoalitionBench = Awaited<ReturnType<typeof openCoalitionBench>>

/** Opens a chain with a Coalition, its auditors, and everybody in USDC; `close()` ends the chain. */
export async function openCoalitionBench({ hostileToken, change = {} }: CoalitionBenchOptions = {}) {
  const evm = await openEvmBench({ liquidationPeriodSeconds: 60, ...(hostileToken ? { hostileToken } : {}) })
  const { addresses } = evm
  async function deployed() {
    const artifact = await artifactOf('Coalition')
    const full = { usdc: addresses.usdc, owner: roles.owner, treasury, ...config, ...change }
    const vaultConfig = {
      usdcx: addresses.usdcx,
      ...{ owner: roles.owner, settler: roles.settler, keeper: roles.keeper },
      ...{ pricePerSecondAtomic: vaultPriceAtomic, maxLeaseSeconds: 30, maxSessionSeconds: 3_600, slackSeconds: 3 },
    }
    return {
      abi: artifact.abi,
      artifact,
      fullConfig: full,
      coalition: await evm.deploy(artifact, [full]),
      vault: await evm.deploy(await artifactOf('StreamVault'), [vaultConfig]),
      reads: await evm.deploy(await artifactOf('ManyReads', ['test/hostile']), []),
      readsAbi: (await artifactOf('ManyReads', ['test/hostile'])).abi,
    }
  }
  const { abi, artifact, fullConfig, coalition, vault, reads, readsAbi } = await deployed().catch(async error => {
    await evm.close()
    throw error
  })
  for (const account of Object.values(roles)) await evm.giveNative(account)
  for (const { address } of everybody) await evm.mint(address, 10n ** 12n)

  const usdc = { address: addresses.usdc, name: evm.usdcDomain.name, version: evm.usdcDomain.version }
  const place = { chainId: 31337, coalition, usdc }
  const signer = coalitionSigner(place)
  const read = <T>(functionName: string, args: readonly unknown[] = []): Promise<T> =>
    evm.read<T>(coalition, abi, functionName, args)

  /** Relays a call and tells how it ended, by the error's name, without expecting anything. */
  async function attempt(
    functionName: string,
    args: readonly unknown[],
    from: Address = roles.stranger,
    o?: SendOptions,
  ) {
    const { hash, ok } = await evm.call(from, coalition, abi, functionName, args, o)
    return ok ? 'ok' : evm.reasonOf(hash, abi)
  }

  /** Relays a call that must succeed; returns the events of the contract that it made. */
  async function send(functionName: string, args: readonly unknown[], from: Address = roles.stranger, o?: SendOptions) {
    const { hash, receipt, ok } = await evm.call(from, coalition, abi, functionName, args, o)
    if (!ok) throw new Error(`${functionName} reverted: ${await evm.reasonOf(hash, abi)}`)
    const logs = receipt.logs.filter(log => log.address.toLowerCase() === coalition.toLowerCase())
    return parseEventLogs({ abi, logs }) as unknown as { eventName: string; args: Record<string, unknown> }[]
  }

  for (const { address } of auditors) await send('setAuditor', [address, true], roles.owner)

  return {
    ...evm,
    abi,
    artifact,
    fullConfig,
    coalition,
    vault,
    read,
    readAt: evm.read,
    attempt,
    send,
    signer,
    /** Signs for another chain or contract, and so nothing that is worth anything here. */
    signerAt: (elsewhere: Partial<typeof place>) => coalitionSigner({ ...place, ...elsewhere }),

    /** Terms that anyone would take, of these operators in equal spans; `change` makes others of them. */
    terms(of: readonly PrivateKeyAccount[], change: Partial<SignedTerms> = {}): SignedTerms {
      const layers = 12
      const at = (index: number): number => Math.floor((index * layers) / of.length)
      return {
        modelDigest: keccak256(stringToHex('a model')),
        layers,
        ...{ pool: `0x${'90'.repeat(20)}`, vault, pricePerSecondAtomic: vaultPriceAtomic, stakeAtomic: 10_007n },
        proposalEndsAt: BigInt(evm.now() + 200),
        endsAt: BigInt(evm.now() + 1_000),
        ...{ version: 0, id: 0n, salt: noHash },
        parties: of.map(({ address }, index) => ({
          ...{ operator: address, firstLayer: at(index), endLayer: at(index + 1), units: 3 + index },
        })),
        ...change,
      }
    },

    /** Arguments of `accuse`, the bond signed by `accuser`. */
    async accusation(accuser: PrivateKeyAccount, what: SignedAccusation, bondAtomic = fullConfig.bondAtomic) {
      const bond: SignedConsent = await signer.bond(accuser, what, bondAtomic)
      const { id, accused, reason, session, evidenceHash } = what
      return [id, accused, reason, session, evidenceHash, 'https://evidence.test/1', bond, bondAtomic] as const
    },

    stakeOf: (id: bigint, operator: Address) => read<Stake>('stakeOf', [id, operator]),
    disputeOf: (dispute: bigint) => read<Dispute>('disputeOf', [dispute]),
    creditOf: (account: Address) => read<bigint>('creditOf', [account]),
    usdcOf: (account: Address) => evm.read<bigint>(addresses.usdc, usdcAbi as Abi, 'balanceOf', [account]),

    /** Many views of the contract, or balances (`balanceOf`) of the token, at one moment. */
    async readMany(views: readonly (readonly [functionName: string, ...args: unknown[]])[]): Promise<unknown[]> {
      const of = (functionName: string): { to: Address; abi: Abi } =>
        functionName === 'balanceOf' ? { to: addresses.usdc, abi: usdcAbi as Abi } : { to: coalition, abi }
      const data = views.map(([functionName, ...args]) =>
        encodeFunctionData({ abi: of(functionName).abi, functionName, args }),
      )
      const answers = await evm.read<Hex[]>(reads, readsAbi, 'read', [views.map(([name]) => of(name).to), data])
      return answers.map((answer, index) => {
        const functionName = views[index]![0]
        return decodeFunctionResult({ abi: of(functionName).abi, functionName, data: answer })
      })
    },

    /** A closed session of the real vault, whose payer owes operators `dueAtomic` (at most three seconds of the price). */
    async harmedSession(payer: PrivateKeyAccount, dueAtomic: bigint): Promise<Hex> {
      const vaultAbi = streamVaultAbi as Abi
      const capAtomic = dueAtomic + vaultPriceAtomic
      const nonce = keccak256(stringToHex(`voucher of ${payer.address} at ${evm.now()}`))
      const voucher = { payer: payer.address, value: capAtomic, ...validity, nonce }
      const signature = await payer.signTypedData({
        domain: evm.usdcDomain,
        types: transferWithAuthorizationTypes,
        primaryType: 'TransferWithAuthorization',
        message: { from: payer.address, to: vault, value: capAtomic, ...validity, nonce },
      })
      const opened = await evm.call(roles.settler, vault, vaultAbi, 'open', [{ ...voucher, signature }])
      const id = await evm.read<Hex>(vault, vaultAbi, 'sessionIdOf', [payer.address, nonce])
      const closed = await evm.call(roles.keeper, vault, vaultAbi, 'close', [id, 1n, dueAtomic])
      if (!opened.ok || !closed.ok) throw new Error('The vault refused the session.')
      const { dueAtomic: due } = await evm.read<{ dueAtomic: bigint }>(vault, vaultAbi, 'session', [id])
      if (due !== dueAtomic) throw new Error(`The session owes ${due}, not ${dueAtomic}.`)
      return id
    },
  }
}
