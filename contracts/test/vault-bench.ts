/** A StreamVault on the test EVM, with its people, their vouchers, and what tests read of it. Knows no rule of the vault. */
import { transferWithAuthorizationTypes } from '@computepool/shared/money'
import { type Abi, type Address, encodeFunctionData, type Hex, parseEventLogs, parseSignature } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { gdaForwarderAbi, streamVaultAbi, superfluidPoolAbi, superTokenAbi, usdcAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import { type EvmBenchOptions, openEvmBench, type SendOptions } from './evm-bench.ts'

/** The first to open a bench after a change compiles the contracts; on a busy machine that takes a minute. */
export const compileTimeoutMs = 240_000

export const usdc = (amount: number): bigint => BigInt(Math.round(amount * 1e6))
export const weiPerAtomic = 10n ** 12n
/** 1,000 atomic units, a tenth of a cent, a second. */
export const priceAtomic = 1_000n
export const rateWei = priceAtomic * weiPerAtomic
export const maxLeaseSeconds = 30
export const maxSessionSeconds = 3_600
export const slackSeconds = 3
export const liquidationPeriodSeconds = 60

export interface Voucher {
  readonly payer: Address
  readonly value: bigint
  readonly validAfter: bigint
  readonly validBefore: bigint
  readonly nonce: Hex
  readonly signature: Hex
}

export interface Session {
  readonly payer: Address
  readonly capAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  readonly dueAtomic: bigint
  readonly refundedAtomic: bigint
  readonly rateWei: bigint
  readonly startedAt: bigint
  readonly leaseUntil: bigint
  readonly expiresAt: bigint
  readonly epoch: bigint
  readonly state: number
  readonly account: Address
}

const address = (byte: string): Address => `0x${byte.repeat(20)}`
export const roles = {
  settler: address('51'),
  keeper: address('6e'),
  owner: address('0e'),
  stranger: address('57'),
} as const
export const operators = [address('a1'), address('a2'), address('a3'), address('a4')] as const

export type VaultBench = Awaited<ReturnType<typeof openVaultBench>>

/** Opens a chain with a vault that has no reserve and no units; `close()` ends the chain. */
export async function openVaultBench(options: Partial<EvmBenchOptions> = {}) {
  const evm = await openEvmBench({ liquidationPeriodSeconds, ...options })
  const { addresses } = evm
  const artifact = await artifactOf('StreamVault')
  const config = {
    usdcx: addresses.usdcx,
    ...{ owner: roles.owner, settler: roles.settler, keeper: roles.keeper },
    pricePerSecondAtomic: priceAtomic,
    ...{ maxLeaseSeconds, maxSessionSeconds, slackSeconds },
  }
  const vault = await evm.deploy(artifact, [config]).catch(async error => {
    await evm.close()
    throw error
  })
  for (const account of Object.values(roles)) await evm.giveNative(account)

  const read = <T>(functionName: string, args: readonly unknown[] = []): Promise<T> =>
    evm.read<T>(vault, streamVaultAbi as Abi, functionName, args)
  const pool = await read<Address>('pool')

  /** Calls the vault and expects it to succeed; returns what it told, and the gas used. */
  async function send(from: Address, functionName: string, args: readonly unknown[], options?: SendOptions) {
    const { hash, receipt, ok } = await evm.call(from, vault, streamVaultAbi as Abi, functionName, args, options)
    if (!ok) throw new Error(`${functionName} reverted: ${await evm.reasonOf(hash, streamVaultAbi as Abi)}`)
    const logs = receipt.logs.filter(log => log.address.toLowerCase() === vault.toLowerCase())
    const events = parseEventLogs({ abi: streamVaultAbi, logs })
    return { gas: BigInt(receipt.gasUsed), events, names: events.map(({ eventName }) => eventName as string) }
  }

  /** The name of the error that the vault refuses with; throws where it does not refuse. */
  async function refusal(from: Address, functionName: string, args: readonly unknown[], options?: SendOptions) {
    const { hash, ok } = await evm.call(from, vault, streamVaultAbi as Abi, functionName, args, options)
    if (ok) throw new Error(`${functionName} was not refused.`)
    return evm.reasonOf(hash, streamVaultAbi as Abi)
  }

  /** A new payer with this much USDC. */
  async function openPayer(amountAtomic: bigint): Promise<PrivateKeyAccount> {
    const account = privateKeyToAccount(generatePrivateKey())
    await evm.mint(account.address, amountAtomic)
    return account
  }

  type Change = Partial<Omit<Voucher, 'value' | 'payer'>> & {
    readonly to?: Address
    readonly domain?: { readonly chainId?: number; readonly verifyingContract?: Address }
  }

  async function sign(payer: PrivateKeyAccount, value: bigint, change: Change = {}): Promise<Voucher> {
    const { to = vault, domain = {}, ...fields } = change
    const content = { value, validAfter: 0n, validBefore: 2n ** 40n, nonce: generatePrivateKey(), ...fields }
    const signature = await payer.signTypedData({
      domain: { ...evm.usdcDomain, ...domain },
      types: transferWithAuthorizationTypes,
      primaryType: 'TransferWithAuthorization',
      message: { ...content, from: payer.address, to },
    })
    return { signature, ...content, payer: payer.address }
  }

  /** A session of a new payer that holds exactly the cap. */
  async function openSession(capAtomic: bigint) {
    const payer = await openPayer(capAtomic)
    const voucher = await sign(payer, capAtomic)
    const { gas } = await send(roles.settler, 'open', [voucher])
    const id = await read<Hex>('sessionIdOf', [payer.address, voucher.nonce])
    return { id, payer, voucher, gas, account: await read<Address>('accountOf', [id]) }
  }

  /** The payer calls a voucher back at the token. */
  async function cancel(payer: PrivateKeyAccount, nonce: Hex): Promise<void> {
    const signature = await payer.signTypedData({
      domain: evm.usdcDomain,
      types: {
        CancelAuthorization: [
          { name: 'authorizer', type: 'address' },
          { name: 'nonce', type: 'bytes32' },
        ],
      },
      primaryType: 'CancelAuthorization',
      message: { authorizer: payer.address, nonce },
    })
    const { r, s, yParity } = parseSignature(signature)
    const args = [payer.address, nonce, 27 + yParity, r, s]
    const { ok } = await evm.call(roles.stranger, addresses.usdc, usdcAbi as Abi, 'cancelAuthorization', args)
    if (!ok) throw new Error('The voucher was not cancelled.')
  }

  const poolRead = <T>(functionName: string, args: readonly unknown[] = []): Promise<T> =>
    evm.read<T>(pool, superfluidPoolAbi as Abi, functionName, args)
  const forwarderRead = <T>(functionName: string, args: readonly unknown[]): Promise<T> =>
    evm.read<T>(addresses.gdaForwarder, gdaForwarderAbi as Abi, functionName, args)
  const received = (member: Address): Promise<bigint> => poolRead('getTotalAmountReceivedByMember', [member])

  return {
    ...evm,
    vault,
    pool,
    send,
    refusal,
    read,
    sign,
    cancel,
    openPayer,
    openSession,
    received,

    /** Tells how a call to the vault ended, by the error's name, without expecting anything. */
    async attempt(
      from: Address,
      functionName: string,
      args: readonly unknown[],
      options?: SendOptions,
    ): Promise<string> {
      const { hash, ok } = await evm.call(from, vault, streamVaultAbi as Abi, functionName, args, options)
      return ok ? 'ok' : evm.reasonOf(hash, streamVaultAbi as Abi)
    },

    /** Starts, renews or changes a stream; the lease counts from the block that takes it. */
    set: (id: Hex, epoch: bigint, { running = 1n, leaseSeconds = maxLeaseSeconds, due = 0n, after = 1 } = {}) =>
      send(roles.keeper, 'set', [id, epoch, running * rateWei, BigInt(evm.now() + after + leaseSeconds), due], {
        after,
      }),

    setUnits: (epoch: bigint, units: readonly bigint[]) =>
      send(roles.keeper, 'setUnits', [epoch, operators.slice(0, units.length), units]),

    session: (id: Hex) => read<Session>('session', [id]),
    usdcOf: (account: Address) => evm.read<bigint>(addresses.usdc, usdcAbi as Abi, 'balanceOf', [account]),

    readToken: <T>(abi: Abi, functionName: string) => evm.read<T>(addresses.usdc, abi, functionName),

    /** USDCx of an account, Superfluid's buffer included. */
    async holdings(account: Address): Promise<bigint> {
      const balance = await evm.read<[bigint, bigint]>(addresses.usdcx, superTokenAbi as Abi, 'realtimeBalanceOfNow', [
        account,
      ])
      return balance[0] + balance[1]
    },
    async receivedByAll(): Promise<bigint> {
      const each = await Promise.all(operators.map(received))
      return each.reduce((sum, one) => sum + one, 0n)
    },
    /** What Superfluid really streams from this account to the pool. */
    flowOf: (account: Address) =>
      forwarderRead<bigint>('getFlowDistributionFlowRate', [addresses.usdcx, account, pool]),
    adjustmentRate: () => forwarderRead<bigint>('getPoolAdjustmentFlowRate', [pool]),
    poolRate: () => poolRead<bigint>('getTotalFlowRate'),

    async fund(amountAtomic: bigint): Promise<void> {
      await evm.mint(roles.owner, amountAtomic)
      await evm.call(roles.owner, addresses.usdc, usdcAbi as Abi, 'approve', [vault, amountAtomic])
      await send(roles.owner, 'fundReserve', [amountAtomic])
    },

    /** Several calls to the vault in one block; whether each went through. */
    together: (
      calls: readonly { from: Address; functionName: string; args: readonly unknown[] }[],
    ): Promise<boolean[]> =>
      evm.sameBlock(
        calls.map(({ from, functionName, args }) => ({
          ...{ from, to: vault },
          data: encodeFunctionData({ abi: streamVaultAbi as Abi, functionName, args }),
        })),
      ),
  }
}
