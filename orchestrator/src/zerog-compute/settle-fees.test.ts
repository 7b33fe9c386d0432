/** Settlement against the mock contract on a real chain: who is asked for what and when, and that a fee is paid once whatever is killed between. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { createDeployer } from '@computepool/contracts/deploy'
import { addTestServing, clientsFor, type SpawnedAnvil, spawnAnvil, testAccount } from '@computepool/contracts/testing'
import { createManualClock } from '@computepool/shared/testing'
import { type Hex, type PrivateKeyAccount, type PublicClient, parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openFeeBook } from './fee-book.ts'
import { createServingClient, needsAcknowledgingAgain, type ServingClient } from './serving-client.ts'
import { createSettler, settleTerms } from './settle-fees.ts'

const provider = testAccount('settling 0G provider')
const signer = testAccount('settling 0G signer')
const terms = {
  ...{ serviceType: 'chatbot', url: 'https://a.example', model: 'tiny', verifiability: 'x', additionalInfo: '{}' },
  ...{ inputPriceNeuron: 1n, outputPriceNeuron: 2n, signer: signer.address },
}
const milli = parseEther('0.001')

let anvil: SpawnedAnvil
let clients: ReturnType<typeof clientsFor>
let bench: Awaited<ReturnType<typeof addTestServing>>
let contract: ServingClient
let before: Hex
let folder = ''
let made = 0
const newUser = (): PrivateKeyAccount => testAccount(`settling 0G user ${made++}`)

beforeAll(async () => {
  anvil = await spawnAnvil()
  const chain = embeddedChain(anvil.url)
  clients = clientsFor(chain, anvil.url)
  bench = await addTestServing(clients)
  await clients.testClient.setBalance({ address: provider.address, value: parseEther('1000') })
}, 240_000)
afterAll(() => anvil?.close())
beforeEach(async () => {
  before = await clients.testClient.snapshot()
  // Afresh: it counts its nonces, and the chain goes back.
  const client = clients.publicClient as PublicClient
  const sender = createDeployer({ client, chain: clients.chain, account: provider })
  contract = createServingClient({ client, serving: bench.serving, provider: provider.address, sender })
  folder = await mkdtemp(join(tmpdir(), 'computepool-fees-'))
})
afterEach(async () => {
  await clients.testClient.revert({ id: before })
  await rm(folder, { recursive: true })
})

describe('a service', () => {
  it('is registered, changed and removed once, however often that is asked', async () => {
    expect(await contract.service()).toBeNull()
    expect((await contract.register(terms)).did).toBe('registered')
    expect(await contract.register(terms)).toEqual({ did: 'nothing', transaction: null })
    await bench.acknowledge(provider.address)
    const dearer = { ...terms, outputPriceNeuron: 3n }
    expect(needsAcknowledgingAgain(terms, dearer)).toBe(false)
    expect((await contract.register(dearer)).did).toBe('updated')
    expect(await contract.service()).toEqual({ ...dearer, isAcknowledged: true })
    const other = { ...dearer, model: 'other' }
    expect(needsAcknowledgingAgain(dearer, other)).toBe(true)
    await contract.register(other)
    expect(await contract.service()).toEqual({ ...other, isAcknowledged: false })
    expect((await contract.remove()).did).toBe('removed')
    expect((await contract.remove()).did).toBe('nothing')
  })

  it('tells a refusal by the contract’s own name for it', async () => {
    await expect(contract.register({ ...terms, additionalInfo: 'x'.repeat(5000) })).rejects.toMatchObject({
      code: 'chain_reverted',
      message: expect.stringContaining('AdditionalInfoTooLong'),
    })
  })
})

describe('settling', () => {
  const faults: unknown[] = []
  const clock = createManualClock(Date.UTC(2026, 10, 22))
  const open = async (serving: ServingClient = contract) => {
    const onFault = (fault: unknown) => void faults.push(fault)
    const book = await openFeeBook({ file: join(folder, 'fees.jsonl'), clock, onFault })
    const settled: string[] = []
    const settler = createSettler({
      ...{ book, serving, chainId: 31337, signer: async () => signer, clock, onFault },
      onSettled: user => void settled.push(user),
    })
    return { book, settler, settled, end: () => settler.close().then(book.end) }
  }
  const userWith = async (neuron: bigint): Promise<PrivateKeyAccount> => {
    const user = newUser()
    await bench.lock(user, provider.address, neuron)
    return user
  }
  const purseOf = async (user: PrivateKeyAccount) => {
    const { balance, nonce } = await bench.accountOf(user.address, provider.address)
    return { balance, nonce }
  }
  beforeEach(async () => {
    faults.length = 0
    await contract.register(terms)
    await bench.acknowledge(provider.address)
  })

  it('asks who owes much, or for long, and what is worth its gas', async () => {
    const [much, long, dust] = [await userWith(milli * 9n), await userWith(milli * 9n), await userWith(milli * 9n)]
    const { book, settler, settled, end } = await open()
    book.add(much.address, settleTerms.atNeuron, 'r1')
    book.add(long.address, settleTerms.leastNeuron, 'r2')
    book.add(dust.address, 1n, 'r3')
    expect((await settler.settle()).items.map(({ user }) => user)).toEqual([much.address.toLowerCase()])
    await clock.advance(settleTerms.afterMs)
    expect((await settler.settle()).items.map(({ user }) => user)).toEqual([long.address.toLowerCase()])
    expect(settled).toHaveLength(2)
    expect((await settler.settle({ isAll: true })).unsettledNeuron).toBe('0')
    expect((await purseOf(dust)).balance).toBe(milli * 9n - 1n)
    await end()
  })

  it('takes what there is, keeps the rest as a debt, and goes on when there is more', async () => {
    const user = await userWith(milli)
    const { book, settler, end } = await open()
    book.add(user.address, milli * 3n, 'r1')
    expect(await settler.settle({ isAll: true })).toMatchObject({
      items: [{ outcome: 'partial', unsettledNeuron: String(milli * 2n) }],
      unsettledNeuron: String(milli * 2n),
    })
    // Nothing is there to take: no gas is spent on asking.
    expect((await settler.settle({ isAll: true })).items).toEqual([])
    await bench.lock(user, provider.address, milli * 5n)
    expect((await settler.settle({ isAll: true })).items).toMatchObject([{ outcome: 'success' }])
    expect((await purseOf(user)).balance).toBe(milli * 3n)
    expect(book.owedNeuron(user.address)).toBe(0n)
    await end()
  })

  it('sends nothing that the contract would refuse, and says why', async () => {
    const user = await userWith(milli)
    const { book, settler, end } = await open()
    book.add(user.address, 5n, 'r1')
    book.add(newUser().address, 5n, 'r2')
    await bench.send(bench.team, 'revokeTEESignerAcknowledgement', [provider.address])
    expect(await settler.settle({ isAll: true })).toMatchObject({
      items: [],
      problem: expect.stringContaining('0G’s team'),
    })
    await bench.acknowledge(provider.address)
    expect(await settler.settle({ isAll: true })).toMatchObject({
      items: [{ outcome: 'success' }],
      unsettledNeuron: '5',
    })
    await end()
  })

  /** What a kill leaves: the book as it lies on the disk. */
  const killAt = async (serving: ServingClient, user: PrivateKeyAccount, fee: bigint) => {
    const { book, settler, end } = await open(serving)
    if (fee > 0n) book.add(user.address, fee, 'r1')
    const told = await settler.settle({ isAll: true })
    await end()
    return told
  }
  const down = new Error('The line went dead.')
  const unsent: Pick<ServingClient, 'settle'> = { settle: async () => Promise.reject(down) }
  const sentUnheard: Pick<ServingClient, 'settle'> = {
    settle: async items => contract.settle(items).then(() => Promise.reject(down)),
  }

  it('pays once where it was killed before the words were sent', async () => {
    const user = await userWith(milli)
    const told = await killAt({ ...contract, settle: unsent.settle }, user, 7n)
    expect(told.items).toMatchObject([{ outcome: 'unknown', feeNeuron: '7' }])
    expect(faults).toEqual([down])
    expect((await killAt(contract, user, 0n)).items).toMatchObject([{ outcome: 'success', feeNeuron: '7' }])
    expect((await purseOf(user)).balance).toBe(milli - 7n)
  })

  it('pays once where it was killed after the words were sent, and learns what was short', async () => {
    const user = await userWith(5n)
    await killAt({ ...contract, settle: sentUnheard.settle }, user, 7n)
    expect((await purseOf(user)).balance).toBe(0n)
    await bench.lock(user, provider.address, milli)
    const told = await killAt(contract, user, 0n)
    expect(told.items).toMatchObject([{ outcome: 'partial', feeNeuron: '7', unsettledNeuron: '2' }])
    expect((await killAt(contract, user, 0n)).items).toMatchObject([{ outcome: 'success', feeNeuron: '2' }])
    expect((await purseOf(user)).balance).toBe(milli - 2n)
  })

  it('pays once where the same words arrive twice', async () => {
    const user = await userWith(milli)
    const twice: ServingClient = {
      ...contract,
      settle: items => contract.settle(items).then(() => contract.settle(items)),
    }
    const { book, settler, end } = await open(twice)
    book.add(user.address, 7n, 'r1')
    expect((await settler.settle({ isAll: true })).items).toMatchObject([{ outcome: 'invalid-nonce' }])
    // What comes meanwhile is asked for under a nonce of its own.
    book.add(user.address, 4n, 'r2')
    expect((await settler.settle({ isAll: true })).items).toMatchObject([{ outcome: 'success', feeNeuron: '7' }])
    expect((await purseOf(user)).balance).toBe(milli - 7n)
    await end()
    expect((await killAt(contract, user, 0n)).items).toMatchObject([{ outcome: 'success', feeNeuron: '4' }])
    expect((await purseOf(user)).balance).toBe(milli - 11n)
  })

  it('gives nonces that grow over restarts, above the chain’s, with a clock that went back', async () => {
    const user = await userWith(milli)
    const nonces: bigint[] = []
    // The third reads what the second wrote anew.
    for (const wallMs of [clock.wallMs(), 0, 1_000]) {
      const book = await openFeeBook({
        file: join(folder, 'fees.jsonl'),
        clock: { wallMs: () => wallMs },
        onFault: () => {},
      })
      for (const fee of wallMs === 0 ? [] : [3n, 2n]) {
        book.add(user.address, fee, 'r')
        nonces.push((await book.write(user.address, 0n, 0n)).nonce)
        await book.close(user.address, fee)
      }
      await book.end()
    }
    expect(nonces).toEqual([...new Set(nonces)].sort((a, b) => (a < b ? -1 : 1)))
    const book = await openFeeBook({ file: join(folder, 'other.jsonl'), clock: { wallMs: () => 0 }, onFault: () => {} })
    expect((await book.write(user.address, nonces.at(-1)! + 5n, 0n)).nonce).toBe(nonces.at(-1)! + 6n)
    await book.end()
  })

  it('keeps a torn last line out, and refuses a book that is damaged elsewhere', async () => {
    const user = newUser()
    const file = join(folder, 'fees.jsonl')
    const first = await open()
    first.book.add(user.address, 7n, 'r1')
    await first.end()
    await writeFile(file, `${await readFile(file, 'utf8')}{"type":"fee","us`)
    const second = await open()
    expect(second.book.owedNeuron(user.address)).toBe(7n)
    await second.end()
    await writeFile(file, `{"type":"fee"}\n${await readFile(file, 'utf8')}`)
    await expect(open()).rejects.toMatchObject({ code: 'chain_state_invalid' })
  })

  it('goes by itself, and after a fault as well', async () => {
    const user = await userWith(milli * 9n)
    const { book, settler, settled, end } = await open({
      ...contract,
      settle: items => (faults.length === 0 ? Promise.reject(down) : contract.settle(items)),
    })
    book.add(user.address, settleTerms.atNeuron, 'r1')
    settler.start()
    while (settled.length === 0) await clock.advance(settleTerms.everyMs)
    expect(faults).toEqual([down])
    await settler.settle()
    expect((await purseOf(user)).balance).toBe(milli * 9n - settleTerms.atNeuron)
    await end()
  })

  it('takes the gas of what came to nothing out of no operator’s earnings', async () => {
    const user = await userWith(milli)
    let status: 'no-tee-signer' | 'success' = 'no-tee-signer'
    const { book, settler, end } = await open({
      ...contract,
      settle: async () => [
        { status, unsettledNeuron: status === 'success' ? 0n : 100n, gasNeuron: 30n, transaction: '0xab' },
      ],
    })
    book.add(user.address, 100n, 'r', [[user.address, 1]])
    const sums = () => {
      const { receivedNeuron, gasNeuron, carriedNeuron } = book.earnings.totals()
      return { receivedNeuron, gasNeuron, carriedNeuron, owedNeuron: book.earnings.operator(user.address).owedNeuron }
    }
    await settler.settle({ isAll: true })
    expect(sums()).toEqual({ receivedNeuron: 0n, gasNeuron: 0n, carriedNeuron: 0n, owedNeuron: 0n })
    status = 'success'
    await settler.settle({ isAll: true })
    expect(sums()).toEqual({ receivedNeuron: 100n, gasNeuron: 30n, carriedNeuron: 0n, owedNeuron: 70n })
    await end()
  })

  it('settles at most fifty in one call', async () => {
    const sizes: number[] = []
    const account = { nonce: 0n, balanceNeuron: 9n, pendingRefundNeuron: 0n, isAcknowledged: true, generation: 0n }
    const many: ServingClient = {
      ...contract,
      account: async () => ({ ...account, revokedBitmap: 0n }),
      settle: async items => {
        sizes.push(items.length)
        return items.map(() => ({ status: 'success', unsettledNeuron: 0n, gasNeuron: 0n, transaction: '0x' }))
      },
    }
    const { book, settler, end } = await open(many)
    for (let at = 0; at < 51; at++) book.add(`0x${at.toString(16).padStart(40, '0')}`, 1n, 'r')
    expect((await settler.settle({ isAll: true })).unsettledNeuron).toBe('0')
    expect(sizes).toEqual([50, 1])
    await end()
  })
})
