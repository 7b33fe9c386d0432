/**
 * Puts the pool as a provider of 0G Compute together: its key, the contract, the fee book in the data folder and who settles it. Off unless
 * asked for; it knows neither x402 nor the desk.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { knownChain, lockFile } from '@computepool/contracts/chain'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { ZerogEarnings, ZerogSettled, ZerogStatus } from '@computepool/shared/zerog-compute'
import { type Address, type Chain, createPublicClient, type Hex, http, type PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { AttestationProvider } from '../attestation/index.ts'
import { type KeyLock, lockedKey } from '../chain/locked-key.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createAccountCache } from './account-cache.ts'
import { earningsOf } from './earnings-view.ts'
import { openFeeBook } from './fee-book.ts'
import { heldToChain, requireChain } from './held-to-chain.ts'
import { createOperatorPayer, type PayTerms, payTerms } from './pay-operators.ts'
import { createDoubtResolver, type DoubtResolver } from './resolve-doubts.ts'
import { servingAddressOf } from './serving-address.ts'
import { createServingClient, type Sender } from './serving-client.ts'
import { createSettler, problemOf, type SettleTerms } from './settle-fees.ts'
import { openSignerFile } from './signer-file.ts'
import type { Served } from './split-fee.ts'
import { type ServingPool, unitsOfRing } from './who-served.ts'
import { createZerogDoor, type ZerogDoor } from './zerog-door.ts'

export interface ZerogSettings {
  /** "0g-galileo", "0g-mainnet" or an RPC's URL. */
  readonly chain: string
  /** Another endpoint for a chain that has a name. */
  readonly rpcUrl?: string
  /** The serving contract; default: 0G's own of that chain. */
  readonly serving: Address | null
  /** The provider's: it was registered with, and settles. */
  readonly key: Hex
  readonly settle?: Partial<SettleTerms>
  /** Of what 0G's users pay, the provider's own, in hundredths of a percent; default: nothing. The rest is the operators'. */
  readonly cutBasisPoints?: number
  readonly pay?: Partial<PayTerms>
}

export interface OpenZerogOptions {
  readonly settings: ZerogSettings
  /** Its key signs settlements; the contract must name it. */
  readonly attestation: AttestationProvider
  readonly dataDir: string
  readonly clock: Clock
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: unknown) => void
}

export interface ZerogDesk {
  readonly chainId: number
  readonly serving: Address
  readonly provider: Address
  readonly clock: Clock
  readonly door: ZerogDoor
  owedNeuron(user: string): bigint
  /** Errors: `chain_unreachable`. */
  status(): Promise<ZerogStatus>
  /** All that is owed, at once. Errors: `chain_unreachable`. */
  settle(): Promise<ZerogSettled>
  /** What operators are owed and were paid. `only`: of that wallet alone. */
  earnings(only?: string): ZerogEarnings
  readonly doubts: DoubtResolver
  /** Who serves from now on; before, answers are nobody's. */
  follow(pool: ServingPool): void
}

export interface Zerog {
  readonly desk: ZerogDesk
  /** What is owed stays in the book, for the next start. */
  close(): Promise<void>
}

/** Errors: `input_invalid`, `chain_unreachable`, `chain_wrong`, `chain_ledger_locked`, `chain_ledger_unreachable`, `chain_state_invalid`. */
export async function openZerog(options: OpenZerogOptions): Promise<Zerog> {
  const { settings, attestation, dataDir, clock, onNotice, onFault } = options
  const { chain, settings: manners, url } = await knownChain(settings.chain, settings.rpcUrl)
  const serving = settings.serving ?? servingAddressOf(chain.id)
  const account = privateKeyToAccount(settings.key)
  const client = createPublicClient({
    ...{ chain, cacheTime: 0, pollingInterval: manners.pollingIntervalMs },
    transport: heldToChain(chain, http(url, { timeout: 20_000, retryCount: 2 })),
  }) as PublicClient
  await refuseOtherChain(chain, url)
  const name = `${chain.id}-${serving.toLowerCase()}-${account.address.toLowerCase()}`
  const folder = join(dataDir, 'zerog')
  const lock = await lockedFolder(folder, name)
  let keyLock: KeyLock | null = null
  const release = (): void => {
    keyLock?.release()
    lock.release()
  }
  try {
    const { address } = account
    keyLock = await lockedKey({
      ...{ rpcUrl: url, chainId: chain.id, address, remedy: 'Stop it, or give each a key of its own.' },
      does: `sends from the 0G provider’s key ${address}, with another data folder`,
    })
    const book = await openFeeBook({ file: join(folder, `${name}.jsonl`), clock, onFault })
    const store = await openSignerFile(join(folder, `${name}.sent.jsonl`), onFault)
    const { tipFloorWei, pollingIntervalMs: pollMs } = manners
    const queue = createSignerQueue({ client, account, chainId: chain.id, store, clock, tipFloorWei, pollMs })
    const sender = receiptSender(queue, client)
    const contract = createServingClient({ client, serving, provider: account.address, sender })
    const { cutBasisPoints = 0, pay } = settings
    const payoutAtNeuron = pay?.atNeuron ?? payTerms.atNeuron
    const payer = createOperatorPayer({
      ...{ book: book.earnings, queue, client, clock, onNotice, onFault },
      ...(pay === undefined ? {} : { terms: pay }),
    })
    let pool: ServingPool | null = null
    const unitsOf = (seats: readonly { readonly peer: string }[]): Served => {
      try {
        return pool === null ? [] : unitsOfRing(pool, seats)
      } catch (thrown) {
        // An answer is worth more than who is paid for it.
        onFault(thrown)
        return []
      }
    }
    const accounts = createAccountCache(contract, clock)
    const signer = () => attestation.signer()
    const settler = createSettler({
      ...{ book, serving: contract, chainId: chain.id, signer, clock, onFault, cutBasisPoints, payer },
      onSettled: accounts.forget,
      ...(settings.settle === undefined ? {} : { terms: settings.settle }),
    })
    const { address: provider } = account
    const status = async (): Promise<ZerogStatus> => {
      const [service, { address }] = await Promise.all([accounts.service(), signer()])
      const debts = book.debts()
      return {
        ...{ chainId: chain.id, serving, provider, signer: address, attestation: attestation.kind },
        service: service && {
          ...{ url: service.url, model: service.model, verifiability: service.verifiability, signer: service.signer },
          inputPriceNeuron: String(service.inputPriceNeuron),
          outputPriceNeuron: String(service.outputPriceNeuron),
          isAcknowledged: service.isAcknowledged,
        },
        problem: book.problem() ?? problemOf(service, address),
        unsettledNeuron: String(debts.reduce((sum, { owedNeuron }) => sum + owedNeuron, 0n)),
        unsettledUsers: debts.length,
      }
    }
    settler.start()
    void status().then(
      ({ problem }) => onNotice(`0G Compute provider ${provider} on ${chain.name}: ${problem ?? 'serving.'}`),
      onFault,
    )
    return {
      desk: {
        ...{ chainId: chain.id, serving, provider, clock, status },
        door: createZerogDoor({ provider, signer, accounts, book, clock, unitsOf }),
        owedNeuron: book.owedNeuron,
        doubts: createDoubtResolver({ book: book.earnings, chain, queue, client, onNotice }),
        settle: () => settler.settle({ isAll: true }),
        earnings: only =>
          earningsOf(book.earnings, { chainId: chain.id, provider, cutBasisPoints, payoutAtNeuron }, only),
        follow: serves => {
          pool = serves
        },
      },
      close: async () => {
        // What was sent is looked for at the next start: nobody who stops the pool waits for a block.
        await Promise.all([queue.close(), settler.close()])
        await store.end()
        await book.end()
        release()
      },
    }
  } catch (thrown) {
    release()
    throw thrown
  }
}

/** A node that is down, or slow to answer, stops nobody: later calls are held to the chain too. */
async function refuseOtherChain(chain: Chain, url: string): Promise<void> {
  const client = createPublicClient({ chain, transport: http(url, { timeout: 5000, retryCount: 0 }) })
  const found = await client.getChainId().catch(() => null)
  if (found !== null) requireChain(chain, found)
}

/** What a settlement did stands in its logs. */
const receiptSender = (queue: Pick<SignerQueue, 'execute'>, client: PublicClient): Sender => ({
  send: async ({ to, data, value = 0n }) => {
    const { hash } = await queue.execute({ to, data, valueWei: value })
    return client.getTransactionReceipt({ hash })
  },
})

/** Two that count the same user's fees would each believe the other's money to be there. */
async function lockedFolder(folder: string, name: string): Promise<{ release(): void }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const attempt = await lockFile(join(folder, `${name}.lock`))
  if (attempt.kind === 'locked') return attempt
  const { pid } = attempt
  const who = `Another orchestrator${pid === null ? '' : ` (process ${pid})`}`
  throw new ComputePoolError('chain_ledger_locked', `${who} counts this 0G provider’s fees.`, {
    remedy: 'Stop it, or choose another folder with --data and another key.',
    context: { pid },
  })
}
