/**
 * The pool's token in a running orchestrator: behind a till that is open already it opens storage, mints what is to be minted, and lets
 * people in. What fails is tried again; meanwhile a private pool serves nobody.
 */
import { join, resolve } from 'node:path'
import { teeDataVerifierAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { encryptionKeyOf, type InftView, type PoolIntelligence } from '@computepool/shared/inft'
import type { Clock } from '@computepool/shared/ports'
import { getAddress, type Hex, hexToBytes, type PublicClient } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { createSiweMessage } from 'viem/siwe'
import type { OpenedChain } from '../payments/money-chain.ts'
import { redactUrls } from '../redact-urls.ts'
import { type OpenStorage, openStorage, type StorageLimits } from '../storage0g/index.ts'
import { createAccessGate } from './access-gate.ts'
import { createBlobBook, uploadsSchema } from './blob-book.ts'
import { ensureContracts } from './ensure-contracts.ts'
import type { InftDesk, OpenedInft } from './inft-desk.ts'
import type { InftPlace } from './inft-reader.ts'
import { openKeptFile } from './kept-file.ts'
import { createHistories, keptHistoriesSchema } from './kept-histories.ts'
import { createKeptOwner } from './kept-owner.ts'
import { mintPoolToken, poolTokensSchema } from './mint-pool-token.ts'
import { isOracleSimulated, simulatedMeasurement } from './oracle-key.ts'
import { createSignIn, type SignIn } from './sign-in.ts'
import { createTokenViews } from './token-views.ts'
import { createTransferDesk, keptTransfersSchema } from './transfer-desk.ts'
import { createTransferOracle } from './transfer-oracle.ts'
import { createUsageGate, type UsageGate } from './usage-gate.ts'

export interface InftSettings {
  /** Only the token's owner and whom it authorised may ask. */
  readonly isPrivate: boolean
  /** A token that is there already; null: the pool's own, minted where the chain is ours. */
  readonly tokenId: bigint | null
  /** Of 0G Storage; absent: the stand-in, on a chain of one's own. */
  readonly storage?:
    | { readonly indexerUrl: string; readonly privateKey: Hex; readonly limits?: StorageLimits | undefined }
    | undefined
}

export interface OpenInftOptions {
  readonly settings: InftSettings
  /** What the token is to hold; asked when the chain is there. */
  readonly intelligence: () => Promise<PoolIntelligence>
  readonly chain: Promise<OpenedChain>
  /** Origin under which this orchestrator is reached. */
  readonly url: string
  readonly dataDir: string
  readonly clock: Clock
  readonly onNotice: (text: string) => void
  readonly onFault: (fault: unknown) => void
}

export interface Inft {
  readonly desk: InftDesk
  readonly isPrivate: boolean
  /** The token's id, once it is there; null where it never comes. */
  readonly ready: Promise<bigint | null>
  /** Reads at once what the chain told of authorisations since the last time; by itself that is done every few seconds. */
  refresh(): Promise<void>
  /** Before the chain's end. Idempotent. */
  close(): Promise<void>
}

const retryMs = 15_000

/** Begins, and returns at once. */
export function openInft(options: OpenInftOptions): Inft {
  const { settings, clock, onFault } = options
  const closing = new AbortController()
  let opened: Opened | null = null
  let trouble: ComputePoolError = new ComputePoolError('chain_unreachable', 'The pool’s token is being made ready.', {
    remedy: 'Try again in a few seconds.',
    context: { retryAfterSeconds: 3 },
  })
  const attempt = async (): Promise<bigint | null> => {
    const chain = await options.chain
    for (;;) {
      try {
        opened = await open(options, chain, closing.signal)
        return opened.inft.tokenId
      } catch (thrown) {
        if (closing.signal.aborted) return null
        const fault = openingFault(thrown)
        onFault(fault)
        trouble = tellable(fault, options.dataDir)
        // A bug ends it as little: what it was may be gone the next time.
        if (fault.row.retry === 'never' && !isBug(fault)) return null
      }
      await new Promise<void>(done => {
        const cancel = clock.schedule(retryMs, done)
        closing.signal.addEventListener('abort', () => {
          cancel()
          done()
        })
      })
      if (closing.signal.aborted) return null
    }
  }
  const ready = attempt().catch((thrown: unknown) => {
    // The chain itself is not there: whoever opens it tells.
    trouble = tellable(openingFault(thrown), options.dataDir)
    return null
  })
  return {
    desk: {
      isPrivate: settings.isPrivate,
      why: () => (opened === null ? trouble.message : null),
      opened: () => {
        if (opened !== null) return opened.inft
        throw trouble
      },
    },
    isPrivate: settings.isPrivate,
    ready,
    refresh: async () => opened?.gate?.refresh(),
    async close() {
      closing.abort(new ComputePoolError('chain_unreachable', 'The orchestrator is being stopped.'))
      await ready
      opened?.gate?.close()
      await opened?.storage?.close()
    },
  }
}

/** What is no error of ours is almost always a node's, or a disk's: it may answer the next time. */
const openingFault = (thrown: unknown): ComputePoolError =>
  thrown instanceof ComputePoolError
    ? thrown
    : new ComputePoolError('chain_unreachable', 'The pool’s token could not be made ready.', {
        remedy: 'Try again in a minute; its operator finds the reason in the log.',
        cause: thrown,
      })

/** As strangers may read it: no address of a node beyond its host, no folder of this machine, nothing that we did not word. */
function tellable(fault: ComputePoolError, dataDir: string): ComputePoolError {
  if (isBug(fault)) return openingFault(null)
  const { code, context } = fault
  const told = (text: string) => redactUrls(text).replaceAll(resolve(dataDir), '…')
  return new ComputePoolError(code, told(fault.message), { remedy: told(fault.remedy), context })
}

const isBug = ({ code }: ComputePoolError): boolean => code.startsWith('bug_')

interface Opened {
  readonly inft: OpenedInft
  readonly gate: UsageGate | null
  readonly storage: OpenStorage | null
}

async function open(options: OpenInftOptions, chain: OpenedChain, signal: AbortSignal): Promise<Opened> {
  const { settings, dataDir, clock, url } = options
  const { client } = chain.money
  const contracts = await ensureContracts(chain, dataDir)
  if (contracts === null) {
    throw new ComputePoolError(
      'chain_unavailable',
      `No token contract for pools is known on ${chain.money.chain.name}.`,
      {
        remedy: 'Deploy it first, or use a data folder whose manifest names it.',
      },
    )
  }
  const { token, verifier, block } = contracts
  const place: InftPlace = { chainId: chain.money.chain.id, token, verifier }
  const fromBlock = BigInt(block)
  const folder = join(dataDir, 'inft')
  const storage = await openStorageOf(options, chain)
  try {
    const tokenId = settings.tokenId ?? (await minted(options, chain, { place, fromBlock, folder, storage, signal }))
    const oracle =
      storage === null
        ? null
        : createTransferOracle({ client, place, store: storage.store, privateKey: chain.oracleKey })
    const signIn = createSignIn({ domain: new URL(url).host, chainId: place.chainId, clock, client })
    const ownerOf = createKeptOwner({ client, place, tokenId, clock })
    const gate = settings.isPrivate ? createUsageGate({ client, place, clock }) : null
    const blobs =
      storage === null
        ? null
        : createBlobBook({
            ...{ store: storage.store, clock, ownerOf },
            kept: await openKeptFile(join(folder, 'uploads.json'), uploadsSchema, []),
          })
    const transfers =
      oracle === null
        ? null
        : createTransferDesk({
            ...{ client, place, oracle, clock },
            kept: await openKeptFile(join(folder, 'transfers.json'), keptTransfersSchema, []),
            onBlob: blob => blobs?.learn(blob),
          })
    const historyOf = createHistories({
      ...{ client, place, fromBlock, ownOracle: privateKeyToAddress(chain.oracleKey), onFault: options.onFault },
      // The chain has it all.
      kept: await openKeptFile(join(folder, 'histories.json'), keptHistoriesSchema, [], options.onFault),
    })
    const inft: OpenedInft = {
      tokenId,
      view: () => viewOf(client, { place, tokenId, chain, isPrivate: settings.isPrivate, storage }),
      readToken: createTokenViews({
        ...{ client, place, historyOf },
        onBlob: blob => blobs?.learn(blob),
      }),
      challenge: address => challengeOf(signIn, { address, place, url, nowMs: clock.wallMs() }),
      signIn,
      blobs,
      transfers,
      access: gate === null ? null : createAccessGate({ signIn, gate, place, tokenId, ownerOf }),
    }
    return { inft, gate, storage }
  } catch (thrown) {
    await storage?.close()
    throw thrown
  }
}

async function openStorageOf(options: OpenInftOptions, { money }: OpenedChain): Promise<OpenStorage | null> {
  const { settings, dataDir, onNotice, onFault } = options
  const { rpcUrl, manifest, storageKey } = money
  const chain = { rpcUrl, flow: manifest.storageFlow }
  const common = { dataDir, chain, onNotice, onFault }
  if (settings.storage !== undefined) return openStorage({ ...common, ...settings.storage })
  if (storageKey === null) return null
  return openStorage({ ...common, indexerUrl: null, privateKey: storageKey })
}

async function minted(
  options: OpenInftOptions,
  { money, owner }: OpenedChain,
  {
    place,
    fromBlock,
    folder,
    storage,
    signal,
  }: {
    place: InftPlace
    fromBlock: bigint
    folder: string
    storage: OpenStorage | null
    signal: AbortSignal
  },
): Promise<bigint> {
  if (!money.isEmbedded || owner === null || money.owner === null || storage === null) {
    throw new ComputePoolError(
      'chain_unavailable',
      'No token of this pool is named, and none is minted by itself here.',
      {
        remedy: 'Mint one (`computepool inft mint`), and name it with --pool-token.',
      },
    )
  }
  const { clock, onNotice } = options
  return mintPoolToken({
    ...{ client: money.client, place, fromBlock, store: storage.store, clock, signal, onNotice },
    owner: money.owner,
    sender: owner,
    kept: await openKeptFile(join(folder, 'pool-tokens.json'), poolTokensSchema, []),
    intelligence: await options.intelligence(),
  })
}

interface Shown {
  readonly place: InftPlace
  readonly tokenId: bigint
  readonly chain: OpenedChain
  readonly isPrivate: boolean
  readonly storage: OpenStorage | null
}

async function viewOf(client: PublicClient, shown: Shown): Promise<InftView> {
  const { place, tokenId, chain, isPrivate, storage } = shown
  const address = privateKeyToAddress(chain.oracleKey)
  const registry = { address: place.verifier, abi: teeDataVerifierAbi } as const
  const found = await client.readContract({ ...registry, functionName: 'oracleOf', args: [address] })
  return {
    mode: 'token',
    ...place,
    rpcUrl: chain.pageRpcUrl,
    tokenId: String(tokenId),
    isPrivate,
    storage: { kind: storage?.kind ?? '0g', gateway: storage?.gateway ?? null },
    oracle: {
      address,
      encryptionKey: encryptionKeyOf(hexToBytes(chain.oracleKey)),
      measurement: found.since === 0n ? simulatedMeasurement : found.measurement,
      isSimulated: isOracleSimulated({ address, isSimulated: found.isSimulated }, address),
    },
  }
}

function challengeOf(
  signIn: SignIn,
  { address, place, url, nowMs }: { address: Hex; place: InftPlace; url: string; nowMs: number },
): string {
  return createSiweMessage({
    domain: new URL(url).host,
    address: getAddress(address),
    statement: 'Sign in to this ComputePool. It moves no money.',
    uri: url,
    version: '1',
    chainId: place.chainId,
    nonce: signIn.challenge(),
    issuedAt: new Date(nowMs),
  })
}
