/**
 * A real chain with PoolINFT and its verifier, for tests: people, proofs that are right unless a test says otherwise, and the names of
 * refusals. It knows how proofs are made, and no rule of the contracts.
 */
import {
  accessTypedData,
  ownershipTypedData,
  type ProofContext,
  proofNonce,
  teeOracle,
  type VerifierPlace,
} from '@computepool/shared/inft'
import {
  type Abi,
  type Address,
  type Hex,
  keccak256,
  type PrivateKeyAccount,
  parseEther,
  parseEventLogs,
  stringToHex,
} from 'viem'
import { poolInftAbi, teeDataVerifierAbi } from '../abi/index.ts'
import { artifactOf } from '../build/compile.ts'
import { embeddedChain } from '../chain/known-chains.ts'
import { clientsFor, spawnAnvil, testAccount } from '../testing/index.ts'

export const someHash = (text: string): Hex => keccak256(stringToHex(text))
/** A public key as the contracts want it: the point without its leading 0x04. */
export const pubKeyOf = ({ publicKey }: PrivateKeyAccount): Hex => `0x${publicKey.slice(4)}`
/** As long as a key that was sealed with ECIES. */
export const sealedKey = (text: string): Hex => `0x${someHash(text).slice(2).repeat(5).slice(0, 258)}`

export const people = {
  owner: testAccount('inft deployer'),
  oracle: testAccount('inft oracle'),
  seller: testAccount('inft seller'),
  buyer: testAccount('inft buyer'),
  assistant: testAccount('inft assistant'),
  stranger: testAccount('inft stranger'),
}
export const measurement = someHash('measured code')

/** One proof of a transfer; what is absent is as it should be for one from the seller to the buyer. */
export interface ProofChoice {
  readonly token?: Address
  readonly place?: VerifierPlace
  readonly tokenId: bigint
  readonly from?: Address
  readonly to?: Address
  readonly isClone?: boolean
  readonly deadline?: bigint
  readonly oldDataHash: Hex
  readonly newDataHash?: Hex
  readonly oracle?: PrivateKeyAccount
  readonly signer?: PrivateKeyAccount
  /** In place of the receiver's signature. */
  readonly accessSignature?: Hex
  /** What the key is sealed to, and what the receiver asked for. */
  readonly sealedTo?: Hex
  readonly wanted?: Hex
  /** Fields that differ in the access proof. */
  readonly access?: Partial<ProofContext>
}

let salts = 0
export const newSalt = (): Hex => someHash(`salt ${salts++}`)

export type InftBench = Awaited<ReturnType<typeof openInftBench>>

export async function openInftBench(chainId = 31337) {
  const anvil = await spawnAnvil({ chainId })
  const clients = clientsFor({ ...embeddedChain(anvil.url), id: chainId }, anvil.url)
  for (const { address } of Object.values(people)) {
    await clients.testClient.setBalance({ address, value: parseEther('1000') })
  }

  const mined = (hash: Hex) => clients.publicClient.waitForTransactionReceipt({ hash })
  async function deploy(name: string, args: readonly unknown[], folders?: readonly string[]): Promise<Address> {
    const { abi, bytecode } = await artifactOf(name, folders)
    const hash = await clients.wallet(people.owner).deployContract({ abi, bytecode, args })
    return (await mined(hash)).contractAddress!
  }
  const verifier = await deploy('TeeDataVerifier', [people.owner.address, true])
  const inft = await deploy('PoolINFT', [verifier])
  const place: VerifierPlace = { chainId, verifier }

  const abiOf = (to: Address): Abi => (to === verifier ? teeDataVerifierAbi : [...poolInftAbi, ...teeDataVerifierAbi])
  async function send(from: PrivateKeyAccount, to: Address, functionName: string, args: readonly unknown[]) {
    return mined(await clients.wallet(from).writeContract({ address: to, abi: abiOf(to), functionName, args }))
  }
  const read = <T>(to: Address, functionName: string, args: readonly unknown[] = []): Promise<T> =>
    clients.publicClient.readContract({ address: to, abi: abiOf(to), functionName, args }) as Promise<T>
  /** The name of the error that a call would end with; `taken` where it would go through. */
  const refused = (from: PrivateKeyAccount, to: Address, functionName: string, args: readonly unknown[]) =>
    clients.publicClient.simulateContract({ account: from, address: to, abi: abiOf(to), functionName, args }).then(
      () => 'taken',
      thrown => /Error: (\w+)\(/.exec(String(thrown))?.[1] ?? String(thrown),
    )
  const now = async () => (await clients.publicClient.getBlock()).timestamp

  await send(people.owner, verifier, 'setOracle', [people.oracle.address, measurement, 'https://quote.example', true])

  async function prove(choice: ProofChoice) {
    const { token = inft, oracle = people.oracle, signer = people.buyer, wanted = '0x' } = choice
    const { sealedTo = pubKeyOf(people.buyer), newDataHash = someHash(`new ${choice.oldDataHash} ${salts}`) } = choice
    const context: ProofContext = {
      salt: newSalt(),
      deadline: choice.deadline ?? (await now()) + 3_600n,
      tokenId: choice.tokenId,
      from: choice.from ?? people.seller.address,
      to: choice.to ?? people.buyer.address,
      isClone: choice.isClone ?? false,
    }
    const hashes = { oldDataHash: choice.oldDataHash, newDataHash }
    const key = sealedKey(`sealed for ${newDataHash}`)
    const signed = ownershipTypedData(choice.place ?? place, token, context, {
      ...hashes,
      encryptedPubKey: sealedTo,
      sealedKey: key,
    })
    const theirs = { ...context, salt: newSalt(), ...choice.access }
    const asked = { ...hashes, encryptedPubKey: wanted }
    const access = accessTypedData(choice.place ?? place, token, theirs, asked)
    return {
      accessProof: {
        ...asked,
        nonce: proofNonce(theirs),
        proof: choice.accessSignature ?? (await signer.signTypedData(access)),
      },
      ownershipProof: {
        oracleType: teeOracle,
        ...hashes,
        sealedKey: key,
        encryptedPubKey: sealedTo,
        nonce: proofNonce(context),
        proof: await oracle.signTypedData(signed),
      },
    }
  }

  return {
    ...clients,
    url: anvil.url,
    inft,
    verifier,
    place,
    deploy,
    send,
    read,
    refused,
    now,
    prove,
    /** A token of the seller's, of entries with these hashes. */
    async mint(hashes: readonly Hex[], to: Address = people.seller.address): Promise<bigint> {
      const data = hashes.map((dataHash, at) => ({ dataDescription: `entry ${at}`, dataHash }))
      const keys = hashes.map(hash => sealedKey(`sealed at the mint ${hash}`))
      const { logs } = await send(people.seller, inft, 'mint', [to, data, keys])
      return parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Minted' })[0]!.args.tokenId
    },
    async passSeconds(seconds: number) {
      await clients.testClient.increaseTime({ seconds })
      await clients.testClient.mine({ blocks: 1 })
    },
    snapshot: () => clients.testClient.snapshot(),
    revert: (id: Hex) => clients.testClient.revert({ id }),
    close: () => anvil.close(),
  }
}
