/**
 * Opens the till: database, chain, ledger, keeper, outbox, reconciler, in this order, behind a page that is served already. Closing goes
 * the other way round, and gives the outbox a moment to stop what still streams.
 */
import { join } from 'node:path'
import { streamVaultAbi } from '@computepool/contracts/abi'
import { asComputePoolError } from '@computepool/shared/errors'
import { Hono } from 'hono'
import type { Hex, LocalAccount } from 'viem'
import { errorResponse } from '../api/openai-routes.ts'
import { createSignerQueue, type SignerQueue } from '../chain/signer-queue.ts'
import { createSignerStore } from '../chain/signer-store.ts'
import { createVaultReader } from '../chain/vault-reader.ts'
import type { DisputeDesk } from '../disputes/index.ts'
import { openDisputes } from '../disputes/open-disputes.ts'
import { oracleKeyOf } from '../inft/oracle-key.ts'
import {
  callbackPath,
  callbackRoutes,
  createCallbackTokens,
  createEmbeddedKeeper,
  createKeeperHubClient,
  type EmbeddedKeeper,
  keeperRoutes,
  prepareWorkflows,
} from '../keeper/index.ts'
import { earningOnlyStaked, openStakes, requireRegistry, type StakeDesk, testMint } from '../stakes/index.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { activityRoutes, embeddedRuns } from './activity-routes.ts'
import { type ChainAuditor, openAuditorOrganisations } from './auditor-organisations.ts'
import { chainProxy } from './chain-proxy.ts'
import { capsFor, createTill } from './create-till.ts'
import { facilitatorRoutes } from './facilitator-routes.ts'
import { createFaucet, type Faucet } from './faucet.ts'
import { followClosings } from './follow-closings.ts'
import { followRing } from './follow-ring.ts'
import { createLedger } from './ledger.ts'
import { type MoneyChain, type OpenedChain, openMoneyChain } from './money-chain.ts'
import { defaultPriceAtomic, type Money, type OpenMoneyOptions } from './money-settings.ts'
import { createOutbox } from './outbox.ts'
import { type OwnerSecrets, readOrMakeSecrets } from './owner-secrets.ts'
import { pageChainOf } from './page-chain.ts'
import { openPendingSettlements } from './pending-settlements.ts'
import { postPrice } from './post-price.ts'
import { createReconciler } from './reconcile.ts'
import { createServiceRuns } from './service-runs.ts'
import { notOpenYet, type Till } from './till.ts'
import { createVoucherSettler } from './voucher-settler.ts'
import { createFacilitator } from './x402-facilitator.ts'

const drainMs = 10_000

/** Begins to open the till, and returns at once. */
export function openMoney(options: OpenMoneyOptions): Money {
  const { settings } = options
  const secrets = readOrMakeSecrets(settings.dataDir)
  const closers: Array<() => Promise<unknown>> = []
  let till: Till | null = null
  let stakes: StakeDesk | null = null
  let trouble: Error | null = null
  const opening = open(options, secrets, closers)
  const chain = opening.then(opened => opened.chain)
  chain.catch(() => {})
  const ready = opening.then(opened => {
    till = opened.till
    stakes = opened.stakes
    return opened.till
  })
  ready.catch((thrown: unknown) => {
    trouble = asComputePoolError(thrown)
    options.onFault(trouble)
  })
  let closing: Promise<void> | null = null
  const closeAll = async (): Promise<void> => {
    await ready.catch(() => {})
    for (const close of closers.reverse()) await close().catch(options.onFault)
  }
  return {
    desk: {
      mode: 'paid',
      ownerToken: secrets.ownerToken,
      till: () => {
        if (till !== null) return till
        throw trouble ?? notOpenYet()
      },
      stakes: () => stakes,
    },
    ready,
    chain,
    stakes: () => stakes,
    close: () => {
      closing ??= closeAll()
      return closing
    },
  }
}

async function open(
  options: OpenMoneyOptions,
  secrets: OwnerSecrets,
  closers: Array<() => Promise<unknown>>,
): Promise<{ till: Till; stakes: StakeDesk | null; chain: OpenedChain }> {
  const { settings, desk, model, url, clock, onNotice, onFault } = options
  const { dataDir, databaseUrl, pricePerSecondAtomic = defaultPriceAtomic } = settings
  // Side by side, since each takes seconds; both refuse a folder that another orchestrator uses.
  const [database, money] = await both(
    openDatabase(databaseUrl === undefined ? { dataDir } : { databaseUrl }),
    openMoneyChain({ choice: settings.chain, dataDir, model, pricePerSecondAtomic, onNotice }),
    closers,
  )
  const { db } = database
  const { client, manifest, vault, chain, isEmbedded } = money
  const vaultAddress = vault.address.toLowerCase() as Hex
  const staking = requireRegistry(money, settings.stakeAtomic ?? 0n)

  const queueOf = (account: LocalAccount): SignerQueue => {
    const { tipFloorWei } = money
    const chainId = chain.id
    const queue = createSignerQueue({ client, account, chainId, store: createSignerStore(db), clock, tipFloorWei })
    closers.push(queue.close)
    return queue
  }
  const settler = queueOf(money.settler)
  const keeperKey = queueOf(money.keeper)
  const owner = money.owner === null ? null : queueOf(money.owner)
  const contract = { address: vaultAddress, abi: streamVaultAbi } as const
  const [sessionSeconds, price] = await Promise.all([
    client.readContract({ ...contract, functionName: 'maxSessionSeconds' }),
    postPrice({ client, vault: vaultAddress, wantedAtomic: settings.pricePerSecondAtomic, owner, onNotice }),
  ])
  const ledger = createLedger({
    db,
    clock,
    terms: {
      vault: vaultAddress,
      leaseSeconds: vault.maxLeaseSeconds,
      bufferSeconds: manifest.liquidationPeriodSeconds,
      sessionSeconds,
    },
  })
  const { name: usdcName, version: usdcVersion } = manifest.usdc
  const target = { chainId: chain.id, usdc: manifest.contracts.usdc, usdcName, usdcVersion, vault: vaultAddress }
  const facilitator = createFacilitator({
    chainId: chain.id,
    client,
    settler,
    vaults: [vaultAddress],
    pendingStore: openPendingSettlements(join(dataDir, 'settlements.json'), () => clock.wallMs()),
    fromBlock: BigInt(vault.block),
  })

  // The outbox is made after the keeper, and the keeper's end of a run wakes it.
  let wake = (): void => {}
  // An auditor's vote is for an organisation of its own.
  const workflows = prepareWorkflows({
    ...{ chainId: chain.id, vault: vault.address, coalition: staking?.registry.address },
  }).filter(({ key }) => key !== 'cast-vote')
  const embedded =
    settings.keeperHub === undefined ? embeddedKeeper(options, db, money, keeperKey, workflows, () => wake()) : null
  const remote =
    settings.keeperHub === undefined
      ? null
      : createKeeperHubClient({
          baseUrl: settings.keeperHub.url,
          apiKey: settings.keeperHub.apiKey,
          fetch: globalThis.fetch,
          clock,
        })
  await remote?.install(workflows)
  const tokens = createCallbackTokens({ db, clock, secret: secrets.callbackSecret })
  const reader = createVaultReader(client, vaultAddress, Number(vault.block))
  const outbox = createOutbox({
    db,
    ledger,
    clock,
    keeper: (embedded ?? remote)!,
    settler: createVoucherSettler({ facilitator, target }),
    vault: reader,
    // Our own runner tells us in this process; a service needs an address, and KeeperHub takes https alone.
    callback:
      remote === null || !url.startsWith('https://') ? null : { url: `${url}${callbackPath}`, issue: tokens.issue },
    onFault,
    ...(settings.killPoint === undefined ? {} : { killPoint: settings.killPoint }),
  })
  wake = outbox.wake
  const reconciler = createReconciler({
    db,
    ledger,
    vault: reader,
    clock,
    fromBlock: Number(vault.block),
    pricePerSecondAtomic: () => client.readContract({ ...contract, functionName: 'pricePerSecondAtomic' }),
    onFault,
  })

  const runs =
    embedded === null ? createServiceRuns({ db, vault: vaultAddress, keeper: remote! }) : embeddedRuns(embedded)
  const ownerRoutes = new Hono()
    .route('/activity', activityRoutes({ ledger, runs }))
    .route('/x402', facilitatorRoutes(facilitator, secrets.ownerToken))
  ownerRoutes.onError(errorResponse)
  // Nobody is accused, and no auditor votes, where nothing is staked.
  const voters =
    staking === null
      ? null
      : openAuditorOrganisations({
          ...{ money, db, clock, queueOf, onFault, entropy: options.entropy, secret: secrets.signingSecret },
        })
  const organisations = [
    ...(embedded === null ? [] : [{ keeper: embedded, apiKey: secrets.ownerToken }]),
    ...(voters?.organisations ?? []),
  ]
  if (organisations.length > 0) ownerRoutes.route('/keeper', keeperRoutes(organisations))
  const pageChain = pageChainOf({ chain, isEmbedded, rpcUrl: money.rpcUrl, origin: url })
  const till = createTill({
    clock,
    db,
    ledger,
    facilitator,
    client,
    target,
    caps: { ...capsFor(price), ...settings.caps },
    origin: new URL(url).origin,
    chain: pageChain.facts,
    contracts: {
      usdcx: manifest.contracts.usdcx,
      gdaForwarder: manifest.contracts.gdaForwarder,
      pool: vault.pool,
    },
    tokenSecret: Buffer.from(secrets.sessionSecret, 'hex'),
    requireRing: desk.requireRing,
    faucet: faucetOf(options, money, owner),
    ownerRoutes,
    webhookRoutes: remote === null ? null : callbackRoutes({ tokens, onHint: outbox.hint }),
    chainRoutes: pageChain.isProxied ? chainProxy(money.rpcUrl) : null,
    onFault,
  })

  await ledger.recover()
  await embedded?.start()
  if (embedded !== null) closers.push(embedded.close)
  await voters?.start()
  if (voters !== null) closers.push(voters.close)
  outbox.start()
  closers.push(outbox.close)
  reconciler.start()
  const forgetClosings = followClosings({
    client,
    vault: vaultAddress,
    keeper: money.keeper.address,
    // A public endpoint counts what it is asked.
    pollingIntervalMs: isEmbedded ? 1000 : 10_000,
    onClosedByOthers: () => void reconciler.check().catch(onFault),
    onFault,
  })
  closers.push(reconciler.close)
  closers.push(async () => forgetClosings())
  const stakes =
    staking === null
      ? null
      : await openStakes({
          ...{
            options,
            money,
            staking,
            db,
            ledger,
            keeper: (embedded ?? remote)!,
            relay: settler,
            owner,
            vault: reader,
          },
          price: () => client.readContract({ ...contract, functionName: 'pricePerSecondAtomic' }),
        })
  const disputes: DisputeDesk = openDisputes({
    ...{ options, money, stakes, db, ledger, keeper: (embedded ?? remote)!, relay: settler, owner, vault: reader },
    // What a verdict moved is shown with the pool.
    onChange: () => {
      if (stakes !== null) desk.setStakes(stakes)
      stakes?.wake()
    },
  })
  const forgetRing = followRing({
    desk: stakes === null ? desk : earningOnlyStaked(desk, stakes),
    ledger,
    clock,
    onFault,
  })
  closers.push(async () => {
    await disputes.close()
    await stakes?.close()
    forgetRing()
    // What streams is stopped on the chain if it is quick; else the lease ends it, and the next start settles it.
    const drained = till.meter.stopAll().then(outbox.idle)
    await Promise.race([drained, new Promise<void>(resolve => void clock.schedule(drainMs, resolve))])
    till.meter.close()
  })
  const auditors: readonly ChainAuditor[] =
    voters?.auditors ?? money.auditorKeys.map(secret => ({ secret, keeperKey: null }))
  const opened: OpenedChain = {
    ...{ money, owner, pageRpcUrl: pageChain.facts.rpcUrl },
    oracleKey: oracleKeyOf(secrets.signingSecret),
  }
  return { till: { ...till, disputes, auditors }, stakes, chain: opened }
}

interface Closable {
  close(): Promise<void>
}

/** Both, or an error; what did open is closed with the rest. */
async function both<A extends Closable, B extends Closable>(
  first: Promise<A>,
  second: Promise<B>,
  closers: Array<() => Promise<unknown>>,
): Promise<[A, B]> {
  const outcomes = await Promise.allSettled([first, second])
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') closers.push(outcome.value.close)
  return Promise.all([first, second])
}

function embeddedKeeper(
  { clock, entropy, onFault }: OpenMoneyOptions,
  db: Database,
  { client }: MoneyChain,
  sender: SignerQueue,
  workflows: ReturnType<typeof prepareWorkflows>,
  onEnded: () => void,
): EmbeddedKeeper {
  return createEmbeddedKeeper({
    db,
    sender,
    publicClient: client,
    clock,
    entropy,
    workflows,
    onNotice: notice => {
      if (notice.type === 'fault') onFault(notice.error)
      else onEnded()
    },
  })
}

function faucetOf({ clock }: OpenMoneyOptions, money: MoneyChain, owner: SignerQueue | null): Faucet | null {
  const mint = testMint(money, owner)
  if (money.fund === null || mint === null) return null
  return createFaucet({ nowMs: () => clock.wallMs(), topUp: money.fund, mint })
}
