/**
 * What people with a key do to a pool's token: mint, a new version, who may use it, hand it on. Each reads what the chain has, opens and
 * seals containers here, and sends one transaction. Prompts and keys leave this machine sealed alone.
 */
import { poolInftAbi, teeDataVerifierAbi } from '@computepool/contracts/abi'
import { knownChain } from '@computepool/contracts/chain'
import { createDeployer } from '@computepool/contracts/deploy'
import { chainError } from '@computepool/orchestrator/chain/chain-error.ts'
import {
  acceptTransfer,
  type InftPlace,
  openIntelligence,
  readInft,
  sealingEntropy,
  storeIntelligence,
} from '@computepool/orchestrator/inft/client.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type EncryptionKey,
  type PoolIntelligence,
  sealTo,
  type TransferView,
  unseal,
  walletKey,
  walletKeyMessage,
} from '@computepool/shared/inft'
import {
  type Address,
  bytesToHex,
  createPublicClient,
  encodeFunctionData,
  type Hex,
  hexToBytes,
  http,
  isAddressEqual,
  keccak256,
  type PrivateKeyAccount,
  type PublicClient,
  parseEventLogs,
  type TransactionReceipt,
} from 'viem'
import type { PoolDoor, TokenView } from './pool-door.ts'

export interface ActorOptions {
  readonly door: PoolDoor
  readonly view: TokenView
  readonly account: PrivateKeyAccount
  /** Of the chain; default: where the pool says. */
  readonly rpcUrl?: string | undefined
}

/** Errors of each: `chain_*`, `input_*`, `artifact_*`, and what the pool refuses. */
export interface Actor {
  mint(intelligence: PoolIntelligence): Promise<bigint>
  update(tokenId: bigint, intelligence: PoolIntelligence): Promise<void>
  /** `expiresAt` in seconds of the chain; 0: until it is revoked. */
  authorize(tokenId: bigint, user: Address, expiresAt: bigint): Promise<void>
  revoke(tokenId: bigint, user: Address): Promise<void>
  /** What the token holds, for who holds the key to it. */
  read(tokenId: bigint): Promise<PoolIntelligence>
  /** Prepares it; sends it where the receiver has accepted already. Null: it has not yet. */
  handOver(tokenId: bigint, to: Address, isClone: boolean): Promise<{ transfer: TransferView; sent: Hex | null }>
  /** Publishes this account's encryption key where it is not there yet. True: it was not. */
  publishKey(): Promise<boolean>
  /** Opens what waits for this account, and signs that it has it. `id`: this one alone. */
  accept(id?: string): Promise<TransferView[]>
}

const abi = [...poolInftAbi, ...teeDataVerifierAbi]

export async function openActor({ door, view, account, rpcUrl }: ActorOptions): Promise<Actor> {
  const { chain, settings, url } = await knownChain(rpcUrl ?? view.rpcUrl)
  if (chain.id !== view.chainId) {
    throw new ComputePoolError(
      'chain_wrong',
      `The pool’s token is on chain ${view.chainId}, and this is ${chain.id}.`,
      {
        remedy: 'Name an endpoint of that chain with --rpc.',
      },
    )
  }
  const client = createPublicClient({ chain, transport: http(url), cacheTime: 0 }) as PublicClient
  const deployer = createDeployer({ client, chain, account, settings })
  const place: InftPlace = { chainId: view.chainId, token: view.token, verifier: await verifierOf(client, view) }
  const blobs = door.blobs(account)

  async function send(functionName: string, args: readonly unknown[]): Promise<TransactionReceipt> {
    const data = encodeFunctionData({ abi, functionName, args } as never)
    // First asked, so that a refusal comes with the contract’s own reason, and costs nothing.
    await client.call({ account: account.address, to: place.token, data }).catch((thrown: unknown) => {
      throw chainError(thrown, functionName)
    })
    return deployer.send({ label: functionName, to: place.token, data })
  }
  let derived: Promise<EncryptionKey> | null = null
  const ownKey = (): Promise<EncryptionKey> => {
    const of = { chainId: place.chainId, contract: place.token, account: account.address }
    derived ??= account.signMessage({ message: walletKeyMessage(of) }).then(signature => walletKey(of, signature))
    return derived
  }
  async function sealed(intelligence: PoolIntelligence) {
    const { publicKey } = await ownKey()
    const { description, blob, sealedKey } = await storeIntelligence(blobs, place, { intelligence, publicKey })
    return [[{ dataDescription: description, dataHash: blob.root }], [sealedKey]] as const
  }
  async function requireOracle(): Promise<void> {
    const { address, encryptionKey } = view.oracle
    const registry = { address: place.verifier, abi: teeDataVerifierAbi } as const
    const { isRegistered } = await client.readContract({ ...registry, functionName: 'oracleOf', args: [address] })
    // An address is the end of the hash of its public key: keys are sealed to no other than the registered one.
    if (isRegistered && isAddressEqual(`0x${keccak256(encryptionKey).slice(-40)}`, address)) return
    throw new ComputePoolError('chain_wrong', `The pool’s oracle ${address} is not registered at ${place.verifier}.`, {
      remedy: 'Nothing was sealed to it. Ask the pool’s operator.',
    })
  }

  return {
    async mint(intelligence) {
      const [data, keys] = await sealed(intelligence)
      const { logs } = await send('mint', [account.address, data, keys])
      return parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Minted' })[0]!.args.tokenId
    },
    async update(tokenId, intelligence) {
      await send('update', [tokenId, ...(await sealed(intelligence))])
    },
    async authorize(tokenId, user, expiresAt) {
      await send('authorizeUsage', [tokenId, user, expiresAt])
    },
    async revoke(tokenId, user) {
      await send('revokeAuthorization', [tokenId, user])
    },
    async read(tokenId) {
      // The pool learns so which containers may be asked of it.
      await door.token(tokenId)
      const { entries } = await readInft(client, place, tokenId)
      return openIntelligence(blobs, place, entries[0]!, (await ownKey()).secret)
    },
    async handOver(tokenId, to, isClone) {
      const { entries } = await readInft(client, place, tokenId)
      const { secret } = await ownKey()
      await requireOracle()
      const keysForOracle = entries.map(({ sealedKey }) => {
        const key = unseal(hexToBytes(sealedKey), secret)
        return bytesToHex(sealTo(view.oracle.encryptionKey, key, sealingEntropy()))
      })
      const transfer = await door.prepare(account, { tokenId, to, isClone, keysForOracle })
      const isTheirs = isAddressEqual(transfer.to, to) && transfer.isClone === isClone
      if (!isTheirs || BigInt(transfer.tokenId) !== tokenId) {
        throw new ComputePoolError('peer_message_invalid', 'The pool prepared another transfer than was asked for.')
      }
      if (transfer.state !== 'accepted') return { transfer, sent: null }
      const proofs = transfer.entries.map(({ ownershipProof }, at) => ({
        ownershipProof,
        accessProof: transfer.accessProofs[at],
      }))
      const { transactionHash } = await send(isClone ? 'iClone' : 'iTransfer', [to, tokenId, proofs])
      return { transfer, sent: transactionHash }
    },
    async publishKey() {
      const { publicKey } = await ownKey()
      const at = { address: place.token, abi: poolInftAbi } as const
      const known = await client.readContract({ ...at, functionName: 'encryptionKeyOf', args: [account.address] })
      if (known === publicKey) return false
      await send('publishEncryptionKey', [publicKey])
      return true
    },
    async accept(id) {
      const waiting = (await door.transfers(account.address)).filter(
        transfer =>
          isAddressEqual(transfer.to, account.address) &&
          (transfer.state === 'prepared' || transfer.id === id) &&
          (id === undefined || transfer.id === id),
      )
      const { secret } = await ownKey()
      const accepted: TransferView[] = []
      for (const transfer of waiting) {
        const prepared = { ...transfer, tokenId: BigInt(transfer.tokenId) }
        const deadline = BigInt(transfer.deadline)
        const proofs = await acceptTransfer(prepared, { client, place, store: blobs, account, secret, deadline })
        accepted.push(
          await door.accept(
            transfer.id,
            proofs.map(({ accessProof }) => accessProof),
          ),
        )
      }
      return accepted
    },
  }
}

/** As the token has it for good: whose oracle count for it the pool could else say as it likes. */
async function verifierOf(client: PublicClient, { token, verifier }: TokenView): Promise<Address> {
  const asked = client.readContract({ address: token, abi: poolInftAbi, functionName: 'verifier' })
  const found = await asked.catch((thrown: unknown) => {
    throw chainError(thrown, `The verifier of ${token}`)
  })
  if (isAddressEqual(found, verifier)) return found
  throw new ComputePoolError('chain_wrong', `The pool names the verifier ${verifier}, and its token has ${found}.`, {
    remedy: 'Nothing was sealed or sent. Do not trust this pool with the token.',
  })
}
