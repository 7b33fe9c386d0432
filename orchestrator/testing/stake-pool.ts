/**
 * A staked pool for tests: a vault and a registry on anvil, ledger, outbox and keeper as in a running pool, rings that are what a test
 * says, and operators that sign with keys of their own. A kill ends one stakes' desk in mid-step; `restart` opens the next over the same books.
 */
import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import { testAccount } from '@computepool/contracts/testing'
import { coalitionTermsSchema } from '@computepool/shared/coalition'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { createSeededRandom } from '@computepool/shared/testing'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import { type PrivateKeyAccount, type PublicClient, parseEther } from 'viem'
import { createSignerQueue } from '../src/chain/signer-queue.ts'
import { createSignerStore } from '../src/chain/signer-store.ts'
import { createVaultReader } from '../src/chain/vault-reader.ts'
import { createCoalitionReader, signConsent, signLeave } from '../src/coalition/index.ts'
import { hostClock } from '../src/host.ts'
import { createEmbeddedKeeper, prepareWorkflows } from '../src/keeper/index.ts'
import { followRing } from '../src/payments/follow-ring.ts'
import { createLedger } from '../src/payments/ledger.ts'
import { createOutbox } from '../src/payments/outbox.ts'
import { createStakeDesk, type StakeDesk, type StakePoint } from '../src/stakes/index.ts'
import { sweepFormer } from '../src/stakes/sweep-former.ts'
import { openTestCoalition, stakeAtomic } from './keeper-coalition.ts'
import { openMemoryLedger } from './open-memory-ledger.ts'
import { openTestVault, testPriceAtomic } from './test-vault.ts'

type Told<T extends DeskCommand['type']> = Extract<DeskCommand, { type: T }>
type Offer = Told<'terms-offered'>

/** What an operator does with an offer: `sign`, `refuse`, nothing, or sign the terms and be silent when it is asked for its stake. */
export type Answer = 'sign' | 'agree' | 'refuse' | 'silent'

const layers = 12
const spentMs = [3_600_000, 4 * 3_600_000, 24 * 3_600_000]
export const manifestSha256 = '5a'.repeat(32)

export type StakePool = Awaited<ReturnType<typeof openStakePool>>

/** Close it afterwards. */
export async function openStakePool() {
  const chain = await openTestVault()
  const [registry, database] = await Promise.all([openTestCoalition(chain, chain), openMemoryLedger()])
  const client = chain.publicClient as PublicClient
  const token = { ...registry.token, address: registry.token.address.toLowerCase() as `0x${string}` }
  const { db } = database
  const chainId = chain.chain.id
  /** Moved on together with the chain's. */
  let skewMs = 0
  const clock = { ...hostClock, wallMs: () => hostClock.wallMs() + skewMs }
  const relayKey = testAccount('stakes relay')
  for (const { address } of [relayKey, chain.accounts.keeper]) {
    await chain.testClient.setBalance({ address, value: parseEther('1000') })
  }
  const queueOf = (account: PrivateKeyAccount) =>
    createSignerQueue({ client, account, chainId, store: createSignerStore(db), clock, pollMs: 20 })
  const [keeperQueue, relay] = [queueOf(chain.accounts.keeper), queueOf(relayKey)]
  const workflows = prepareWorkflows({ chainId, vault: chain.vault, coalition: registry.address }).filter(
    ({ key }) => key !== 'reap',
  )
  const keeper = createEmbeddedKeeper({
    ...{ db, sender: keeperQueue, publicClient: client, clock, workflows, pollMs: 5 },
    entropy: createSeededRandom(7),
  })
  await keeper.start()
  const terms = { vault: chain.vault, leaseSeconds: 60, bufferSeconds: 60, sessionSeconds: 86_400 }
  const ledger = createLedger({ db, clock, terms })
  const vault = createVaultReader(client, chain.vault)
  const settler = { settle: async () => ({ status: 'unknown', reason: 'no payer here' }) as const }
  const outbox = createOutbox({ db, ledger, clock, keeper, settler, vault })
  outbox.start()

  const faults: unknown[] = []
  const spent: [operator: string, seconds: number][] = []
  const told: { readonly wallet: string; readonly command: DeskCommand }[] = []
  const answers = new Map<string, Answer>()
  const accounts = new Map<string, PrivateKeyAccount>()
  const listeners = new Set<() => void>()
  const hearers = new Set<(peer: string, request: DeskRequest) => void>()
  const withheld = new Set<string>()
  let rings: PoolSnapshot['rings'] = []
  let peers = 0
  let givers: ((to: `0x${string}`, amountAtomic: bigint) => Promise<`0x${string}`>) | null = null

  const commandsTo = ({ address }: PrivateKeyAccount): DeskCommand[] =>
    told.filter(({ wallet }) => wallet === address.toLowerCase()).map(({ command }) => command)
  const changed = (): void => {
    for (const listener of listeners) listener()
  }
  const say = (peer: string, request: DeskRequest): void => {
    for (const hear of hearers) hear(peer, request)
  }
  const desk = {
    snapshot: () => ({ status: rings!.length > 0 ? 'ready' : 'waiting', layers, rings }) as unknown as PoolSnapshot,
    onChange: (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onRequest: (hear: (peer: string, request: DeskRequest) => void) => {
      hearers.add(hear)
      return () => void hearers.delete(hear)
    },
    tell: (peer: string, command: DeskCommand) => {
      told.push({ wallet: peer.slice(0, 42), command })
      if (command.type === 'terms-offered') void answerOffer(peer, command)
    },
    withheld: { isWithheld: (operator: string) => withheld.has(operator), reasonOf: () => null },
  }

  async function answerOffer(peer: string, { terms: json, needsStake, validBefore }: Offer): Promise<void> {
    const signer = accounts.get(peer.slice(0, 42))!
    const { salt, version } = json
    const answer = answers.get(peer.slice(0, 42)) ?? 'sign'
    if (answer === 'refuse') say(peer, { type: 'terms-refused', salt, version, words: 'No.' })
    if (answer !== 'sign' && (answer !== 'agree' || needsStake)) return
    const context = { signer, place: registry.place, token }
    const times = needsStake ? { validAfter: 0n, validBefore: BigInt(validBefore) } : null
    const consent = await signConsent(context, coalitionTermsSchema.parse(json), times)
    say(peer, {
      type: 'terms-signed',
      ...{ salt, version, termsSignature: consent.termsSignature, stakeSignature: consent.stakeSignature },
      validAfter: String(consent.validAfter),
      validBefore: String(consent.validBefore),
    })
  }

  let readsToFail = 0
  const failing = {
    ...client,
    readContract: (asked: Parameters<typeof client.readContract>[0]) => {
      if (readsToFail === 0) return client.readContract(asked)
      readsToFail--
      return Promise.reject(new Error('The node does not answer.'))
    },
  } as PublicClient

  /** Dies at its n-th passing of this point. */
  let wish: { readonly point: StakePoint; left: number } | null = null
  let onDeath = (): void => {}
  let stakes: StakeDesk
  let forgetRing = (): void => {}
  const openDesk = (): StakeDesk => {
    let isDead = false
    const made = createStakeDesk(
      {
        ...{ db, clock, desk, ledger, keeper, relay, client: failing, vault, manifestSha256, stakeAtomic },
        entropy: createSeededRandom(Math.floor(hostClock.monotonicMs() * 1000)),
        reader: createCoalitionReader(client, registry.address),
        pool: chain.pool.toLowerCase() as `0x${string}`,
        place: registry.place,
        token,
        pricePerSecondAtomic: async () => testPriceAtomic,
        maxTermSeconds: 30 * 86_400,
        give: givers,
        times: { settleMs: 0, tickMs: 250, leaveGraceMs: 0, againMs: 300, silentMs: 1000, forgiveMs: 600_000, spentMs },
        killPoint: point => {
          if (isDead) throw new Error('The process was killed.')
          if (wish === null || wish.point !== point || --wish.left > 0) return
          isDead = true
          wish = null
          void made.close()
          onDeath()
          throw new Error('The process was killed.')
        },
        onSpent: (operator, quietMs) => spent.push([operator, quietMs / 1000]),
        onFault: fault => faults.push(fault),
      },
      changed,
    )
    return made
  }
  const follow = (): void => {
    const earnsNothing = (operator: string): boolean => withheld.has(operator) || stakes.reasonOf(operator) !== null
    const watched = { ...desk, withheld: { isWithheld: earnsNothing, reasonOf: () => null } }
    forgetRing = followRing({ desk: watched, ledger, clock, onFault: fault => faults.push(fault) })
  }
  stakes = openDesk()
  await stakes.start()
  follow()

  const pool = {
    chain,
    registry,
    ledger,
    outbox,
    faults,
    /** Who was found to have spent a signed stake, and for how many seconds it is to be quiet. */
    spent,
    answers,
    stakes: () => stakes,
    /** Operators with a stake's worth of USDC each, and no coins for gas. */
    async operators(count: number, amountAtomic = stakeAtomic): Promise<PrivateKeyAccount[]> {
      const made = Array.from({ length: count }, () => testAccount(`staking operator ${++peers}`))
      for (const account of made) {
        accounts.set(account.address.toLowerCase(), account)
        if (amountAtomic > 0n) await chain.mintUsdc(account.address, amountAtomic)
      }
      return made
    },
    /** The rings that stand from now on; each member holds as many layers as the others. An operator may sit in it twice. */
    stand(...members: (readonly PrivateKeyAccount[])[]): void {
      rings = members.map((seats, ring) => ({
        ...{ id: `ring ${ring}`, status: 'ready', standbys: [], plannedLapMs: 1, expectedLapMs: 1 },
        seats: seats.map((account, seat) => ({
          ...{ seat, peer: `${account.address.toLowerCase()}.${String(seat).padStart(8, '0')}`, msPerLayer: 1 },
          layers: { start: (layers / seats.length) * seat, end: (layers / seats.length) * (seat + 1) },
        })),
      })) as unknown as NonNullable<PoolSnapshot['rings']>
      changed()
    },
    ring: (at = 0) => stakes.ringOf(rings![at]!),
    /** What a peer of this operator was told last of its stake. */
    toldTo: (account: PrivateKeyAccount): Told<'stake-told'> | undefined =>
      commandsTo(account).findLast((command): command is Told<'stake-told'> => command.type === 'stake-told'),
    offersTo: (account: PrivateKeyAccount): Offer[] =>
      commandsTo(account).filter((command): command is Offer => command.type === 'terms-offered'),
    /** Signs the last offer, late. */
    answer(account: PrivateKeyAccount): Promise<void> {
      answers.set(account.address.toLowerCase(), 'sign')
      return answerOffer(`${account.address.toLowerCase()}.00000000`, pool.offersTo(account).at(-1)!)
    },
    /** So many of the next reads of words fail. */
    failReads(count: number): void {
      readsToFail = count
    },
    /** The operator sends so much USDC elsewhere. */
    async spend(account: PrivateKeyAccount, amountAtomic: bigint): Promise<void> {
      await chain.testClient.setBalance({ address: account.address, value: parseEther('1') })
      const hash = await chain.wallet(account).writeContract({
        ...{ address: token.address, abi: usdcAbi, functionName: 'transfer' },
        args: [relayKey.address, amountAtomic],
      })
      await client.waitForTransactionReceipt({ hash })
    },
    say: (account: PrivateKeyAccount, request: DeskRequest) =>
      say(`${account.address.toLowerCase()}.00000000`, request),
    async leave(account: PrivateKeyAccount, id: bigint, version: number): Promise<void> {
      const { signature } = await signLeave({ signer: account, place: registry.place }, { id, version })
      pool.say(account, { type: 'leave-signed', id: String(id), version, signature })
    },
    /** Where an operator without USDC gets its stake from. */
    giveFrom(give: typeof givers): void {
      givers = give
    },
    /** Resolves when the desk of now dies there. */
    dieAt(point: StakePoint, times = 1): Promise<void> {
      wish = { point, left: times }
      return new Promise(resolve => {
        onDeath = resolve
      })
    },
    /** Ends the desk for good: today's registry is a former one from now on. */
    async retire(): Promise<void> {
      await stakes.close()
      forgetRing()
    },
    sweep: (): Promise<number> =>
      sweepFormer(
        {
          ...{ db, clock, relay, vault, chainId, onFault: (fault: unknown) => faults.push(fault) },
          readerOf: former => createCoalitionReader(client, former.address),
        },
        [{ address: registry.address, block: '0' }],
      ),
    async restart(): Promise<void> {
      await stakes.close()
      forgetRing()
      stakes = openDesk()
      await stakes.start()
      follow()
    },
    async passSeconds(seconds: number): Promise<void> {
      await chain.passSeconds(seconds)
      skewMs += seconds * 1000
      stakes.wake()
    },
    /** Wallets and units of the pool, as the vault has them. */
    async members(): Promise<[string, number][]> {
      await outbox.idle()
      const [found, units] = await client.readContract({
        address: chain.vault,
        abi: streamVaultAbi,
        functionName: 'members',
      })
      return found.map((account, at) => [account.toLowerCase(), Number(units[at])])
    },
    /** Looks again each time that something was told, until it is so. */
    async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
      while (!(await isSo())) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(done, 50)
          const stop = desk.onChange(done)
          function done(): void {
            clearTimeout(timer)
            stop()
            resolve()
          }
        })
      }
    },
    async close(): Promise<void> {
      await stakes.close()
      forgetRing()
      await outbox.close()
      await keeper.close()
      await Promise.all([keeperQueue.close(), relay.close()])
      await Promise.all([chain.close(), database.close()])
    },
  }
  return pool
}
