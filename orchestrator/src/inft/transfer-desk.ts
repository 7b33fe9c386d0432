/**
 * Transfers on their way: the oracle behind its door (few at a time and an hour, since the pool pays for storage), what it prepared, and
 * the receivers' answers, in the data folder until their proofs are out of date. Whether one came about the chain says.
 */
import { randomBytes } from 'node:crypto'
import { poolInftAbi, teeDataVerifierAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { preparedTransferSchema, proofContextOf, type TransferView, transferViewSchema } from '@computepool/shared/inft'
import type { Clock, StoredBlob } from '@computepool/shared/ports'
import { type Address, type Hex, isAddressEqual, type PublicClient, zeroAddress } from 'viem'
import { z } from 'zod'
import type { SignedAccess } from './accept-transfer.ts'
import { checkAccess } from './check-access.ts'
import { type InftFacts, type InftPlace, readInft } from './inft-reader.ts'
import type { KeptFile } from './kept-file.ts'
import type { PreparedTransfer, TransferOracle, TransferRequest } from './transfer-oracle.ts'

export const keptTransfersSchema = z
  .array(preparedTransferSchema.extend({ accessProofs: transferViewSchema.shape.accessProofs, atMs: z.number() }))
  .max(1000)
export type KeptTransfers = z.output<typeof keptTransfersSchema>
type Row = KeptTransfers[number]

/** What was read of the chain at its latest block. */
interface Head {
  readonly hash: Hex | null
  readonly timestamp: bigint
  readonly factsOf: (tokenId: string) => Promise<InftFacts>
  readonly stateOf: (row: Row) => Promise<TransferView['state']>
}

export interface TransferDeskOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  readonly oracle: TransferOracle
  readonly kept: KeptFile<KeptTransfers>
  readonly clock: Clock
  /** Told of every container that a transfer made. */
  readonly onBlob: (blob: StoredBlob) => void
}

export interface TransferDesk {
  /**
   * By the token's owner. One that is prepared already, for the same receiver and key, is given again.
   * Errors: `peer_not_authorised`, `input_invalid`, `input_not_found`, `swarm_busy` over a cap; the oracle's.
   */
  prepare(by: Address, order: Omit<TransferRequest, 'publicKey'>): Promise<TransferView>
  /** Those from or to `address`, the newest first; at most 20. */
  of(address: Address): Promise<TransferView[]>
  /** The receiver's word. Errors: `input_not_found`, `input_invalid`. */
  accept(id: string, proofs: readonly SignedAccess[]): Promise<TransferView>
}

const hourMs = 3_600_000
/** The pool pays for each: of one owner, and of all. */
const hourly = { each: 12, all: 60 } as const
const mostLiveOfToken = 4
const mostShown = 20
const mostKept = 500
/** Told for so long after its proofs are out of date. */
const keptMs = 24 * hourMs

export function createTransferDesk(options: TransferDeskOptions): TransferDesk {
  const { client, place, oracle, kept, clock, onBlob } = options
  const learn = ({ entries }: Row): void => {
    for (const { blob } of entries) onBlob(blob)
  }
  kept.value.forEach(learn)
  /** One at a time: each costs an upload. */
  let line: Promise<unknown> = Promise.resolve()
  let waiting = 0

  async function readState(row: Row, { timestamp, factsOf }: Head): Promise<TransferView['state']> {
    const verifier = { address: place.verifier, abi: teeDataVerifierAbi } as const
    const args = [place.token, row.entries[0]!.ownershipProof.newDataHash] as const
    const [signer] = await client.readContract({ ...verifier, functionName: 'reencryptionOf', args })
    if (signer !== zeroAddress) return 'sent'
    const { owner, entries } = await factsOf(row.tokenId)
    const isSame = row.entries.every(({ ownershipProof }, at) => entries[at]?.blob.root === ownershipProof.oldDataHash)
    if (timestamp > BigInt(row.deadline) || !isAddressEqual(owner, row.from) || !isSame) return 'over'
    const deadlines = row.accessProofs.map(({ nonce }) => proofContextOf(nonce)?.deadline ?? 0n)
    return deadlines.length > 0 && deadlines.every(deadline => deadline >= timestamp) ? 'accepted' : 'prepared'
  }
  /** Anybody may ask for anybody's transfers: what a block says of one is read once. */
  let head: Head | undefined
  async function latest(): Promise<Head> {
    const { hash, timestamp } = await client.getBlock({ blockTag: 'latest' })
    if (head === undefined || head.hash !== hash) {
      const factsOf = once((tokenId: string) => readInft(client, place, BigInt(tokenId)), new Map())
      const fresh: Head = { hash, timestamp, factsOf, stateOf: row => stateOnce(row) }
      const stateOnce = once((row: Row) => readState(row, fresh), new WeakMap())
      head = fresh
    }
    return head
  }
  const viewOf = async (row: Row, at?: Head): Promise<TransferView> => {
    const { atMs: _, ...transfer } = row
    return { ...transfer, state: await (at ?? (await latest())).stateOf(row) }
  }

  const keep = (row: Row): Promise<void> => {
    const cutMs = clock.wallMs() - keptMs - hourMs
    const others = kept.value.filter(({ id, atMs }) => id !== row.id && atMs > cutMs)
    return kept.set([...others.slice(-(mostKept - 1)), row])
  }

  /** 64 bytes. */
  async function publishedKey(to: Address): Promise<Hex> {
    const at = { address: place.token, abi: poolInftAbi } as const
    const key = await client.readContract({ ...at, functionName: 'encryptionKeyOf', args: [to] })
    if (key !== '0x') return key
    throw new ComputePoolError('input_invalid', `${to} published no encryption key.`, {
      remedy: 'The receiver has to publish one first, with its wallet on the pool’s page or `computepool inft accept`.',
      context: { param: 'to' },
    })
  }

  async function requireOracle(): Promise<void> {
    const verifier = { address: place.verifier, abi: teeDataVerifierAbi } as const
    const { isRegistered } = await client.readContract({
      ...verifier,
      functionName: 'oracleOf',
      args: [oracle.address],
    })
    if (isRegistered) return
    throw new ComputePoolError('chain_wrong', `The oracle ${oracle.address} is not registered at ${place.verifier}.`, {
      remedy: 'The verifier’s owner has to register it (setOracle): its word counts for nothing until then.',
    })
  }

  async function prepareNow(by: Address, order: Omit<TransferRequest, 'publicKey'>): Promise<TransferView> {
    const { tokenId, to, isClone } = order
    const { owner } = await readInft(client, place, tokenId)
    if (!isAddressEqual(owner, by)) {
      throw new ComputePoolError('peer_not_authorised', `Token ${tokenId} is ${owner}’s, and ${by} signed in.`, {
        remedy: 'Sign in as the owner.',
      })
    }
    const [publicKey] = await Promise.all([publishedKey(to), requireOracle()])
    const live: TransferView[] = []
    for (const row of kept.value.filter(row => row.tokenId === String(tokenId))) {
      const view = await viewOf(row)
      if (view.state === 'prepared' || view.state === 'accepted') live.push(view)
    }
    const same = live.find(
      view =>
        isAddressEqual(view.to, to) &&
        view.isClone === isClone &&
        view.entries.every(({ ownershipProof }) => ownershipProof.encryptedPubKey === publicKey),
    )
    if (same !== undefined) return same
    if (live.length >= mostLiveOfToken) throw busy(`${live.length} transfers of token ${tokenId} are prepared.`)
    const recent = kept.value.filter(({ atMs }) => atMs > clock.wallMs() - hourMs)
    const own = recent.filter(({ from }) => isAddressEqual(from, by)).length
    if (own >= hourly.each) throw busy(`${by} had ${own} transfers prepared within the hour.`)
    if (recent.length >= hourly.all) throw busy(`${recent.length} transfers were prepared within the hour.`)
    const prepared = await oracle.prepare({ ...order, publicKey })
    const row = rowOf(prepared, clock.wallMs())
    await keep(row)
    learn(row)
    return viewOf(row)
  }

  return {
    prepare(by, order) {
      if (waiting >= 8) return Promise.reject(busy(`${waiting} transfers are being prepared.`))
      waiting++
      const run = line.then(() => prepareNow(by, order)).finally(() => waiting--)
      line = run.catch(() => {})
      return run
    },
    async of(address) {
      const theirs = kept.value.filter(({ from, to }) => isAddressEqual(from, address) || isAddressEqual(to, address))
      if (theirs.length === 0) return []
      const at = await latest()
      return Promise.all(
        theirs
          .slice(-mostShown)
          .reverse()
          .map(row => viewOf(row, at)),
      )
    },
    async accept(id, proofs) {
      const row = kept.value.find(row => row.id === id)
      if (row === undefined) {
        throw new ComputePoolError('input_not_found', `There is no transfer ${id}.`, {
          remedy: 'Have it prepared again: prepared transfers are kept for a day.',
        })
      }
      const { state } = await viewOf(row)
      if (state === 'sent' || state === 'over') {
        throw new ComputePoolError('input_invalid', `The transfer ${id} is ${state}.`, {
          remedy: state === 'sent' ? 'Nothing is left to do.' : 'Have it prepared again.',
        })
      }
      await checkAccess(client, place, { ...row, tokenId: BigInt(row.tokenId) }, proofs)
      const accepted = { ...row, accessProofs: [...proofs] }
      await keep(accepted)
      return viewOf(accepted)
    },
  }
}

/** Asks once for each key, and again only after a failure. */
function once<K extends object | string, T>(
  ask: (key: K) => Promise<T>,
  asked: { get(key: K): Promise<T> | undefined; set(key: K, answer: Promise<T>): unknown; delete(key: K): boolean },
): (key: K) => Promise<T> {
  return key => {
    const known = asked.get(key)
    if (known !== undefined) return known
    const answer = ask(key)
    asked.set(key, answer)
    answer.catch(() => asked.delete(key))
    return answer
  }
}

function rowOf({ tokenId, from, to, isClone, entries }: PreparedTransfer, atMs: number): Row {
  const deadlines = entries.map(({ ownershipProof }) => Number(proofContextOf(ownershipProof.nonce)!.deadline))
  return {
    id: randomBytes(16).toString('hex'),
    tokenId: String(tokenId),
    from,
    to,
    isClone,
    deadline: Math.min(...deadlines),
    entries: entries.map(({ description, blob, ownershipProof }) => ({ description, blob, ownershipProof })),
    accessProofs: [],
    atMs,
  }
}

const busy = (what: string): ComputePoolError =>
  new ComputePoolError('swarm_busy', what, {
    remedy: 'Try again later: the pool pays for what it stores.',
    context: { retryAfterSeconds: 600 },
  })
