/** A private pool from its mint to its next owner, over real HTTP on an embedded chain: who may ask, who can read, and what a restart keeps. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { poolInftAbi } from '@computepool/contracts/abi'
import { killChainWithUs } from '@computepool/contracts/testing'
import { inftCommand } from '@computepool/node/inft-command.ts'
import {
  accessHeader,
  challengeSchema,
  type InftToken,
  type InftView,
  inftTokenSchema,
  inftViewSchema,
  openContainer,
  parseIntelligence,
  preparedTransferSchema,
  sealTo,
  signedInSchema,
  transferListSchema,
  transferViewSchema,
  unseal,
  walletKey,
  walletKeyMessage,
} from '@computepool/shared/inft'
import { fileRootOf } from '@computepool/shared/storage0g'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import {
  bytesToHex,
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hex,
  hexToBytes,
  http,
  type PrivateKeyAccount,
  type PublicClient,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { openSocketRing } from '../../testing/open-socket-ring.ts'
import { tinyModel as model, writeTinyPack } from '../../testing/tiny-pack.ts'
import { type RunningOrchestrator, startOrchestrator } from '../serve.ts'
import { acceptTransfer, type InftPlace, sealingEntropy } from './index.ts'

const systemPrompt = 'You are a hedgehog. Never say so.'
const [userKey, buyerKey] = [generatePrivateKey(), generatePrivateKey()]
const user = privateKeyToAccount(userKey)
const buyer = privateKeyToAccount(buyerKey)
const json = { 'content-type': 'application/json' }

let folder = ''
let running: RunningOrchestrator
let entry: FakeTab
let owner: PrivateKeyAccount
let view: Extract<InftView, { mode: 'token' }>
let client: PublicClient
const notices: string[] = []
const faults: unknown[] = []

const start = (): Promise<RunningOrchestrator> =>
  startOrchestrator({
    port: 0,
    packDir: join(folder, 'pack'),
    pageFolder: null,
    money: { mode: 'paid', chain: { kind: 'embedded' }, dataDir: join(folder, 'data') },
    inft: { isPrivate: true, tokenId: null },
    systemPrompt,
    onNotice: text => notices.push(text),
    onFault: fault => faults.push(fault),
  })
const api = async (path: string, init: RequestInit = {}): Promise<unknown> => {
  const reply = await fetch(`${running.url}/api/inft${path}`, init)
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`)
  return reply.status === 204 ? null : reply.json()
}
const post = (body: object, token = ''): RequestInit => ({
  method: 'POST',
  headers: { ...json, [accessHeader]: token },
  body: JSON.stringify(body),
})
const readToken = async (id: string): Promise<InftToken> => inftTokenSchema.parse(await api(`/tokens/${id}`))

async function signIn(account: PrivateKeyAccount): Promise<string> {
  const { message } = challengeSchema.parse(await api('/sign-in/challenge', post({ address: account.address })))
  const signature = await account.signMessage({ message })
  return signedInSchema.parse(await api('/sign-in', post({ message, signature }))).token
}
async function send(account: PrivateKeyAccount, functionName: string, args: readonly unknown[]): Promise<void> {
  const chain = defineChain({
    id: view.chainId,
    name: 'embedded',
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [view.rpcUrl] } },
  })
  const wallet = createWalletClient({ account, chain, transport: http() })
  const hash = await wallet.writeContract({ address: view.token, abi: poolInftAbi, functionName, args } as never)
  const { status } = await client.waitForTransactionReceipt({ hash })
  expect(status).toBe('success')
}
const keyOf = async (account: PrivateKeyAccount) => {
  const of = { chainId: view.chainId, contract: view.token, account: account.address }
  return walletKey(of, await account.signMessage({ message: walletKeyMessage(of) }))
}
/** What a page does: the container by its root, held to it, opened with the key that was sealed to us. */
async function open({ description, root, sealedKey }: InftToken['entries'][number], secret: Uint8Array) {
  const reply = await fetch(`${running.url}/api/inft/blobs/${root}`)
  const bytes = new Uint8Array(await reply.arrayBuffer())
  expect(fileRootOf(bytes).root).toBe(root)
  const place = { chainId: view.chainId, contract: view.token, description }
  return parseIntelligence(openContainer(bytes, unseal(hexToBytes(sealedKey), secret), place))
}

const question = { model, messages: [{ role: 'user', content: 'Hi' }] }
const asked = (token?: string): RequestInit => ({
  method: 'POST',
  headers: { ...json, ...(token === undefined ? {} : { [accessHeader]: token }) },
  body: JSON.stringify(question),
})
const refusal = async (reply: Response) => {
  const { error } = (await reply.json()) as { error: { code: string; message: string } }
  return [reply.status, error.code, error.message] as const
}
const ask = (token?: string) => fetch(`${running.url}/v1/chat/completions`, asked(token))
/** Pays by x402 and reads the answer. */
async function chat(account: PrivateKeyAccount, token: string): Promise<{ answer: unknown; prompt: string }> {
  const schemes = [{ network: 'eip155:*' as const, client: new ExactEvmScheme(account) }]
  const paying = wrapFetchWithPayment(fetch, x402Client.fromConfig({ schemes, spendControls: false }))
  const reply = paying(`${running.url}/v1/chat/completions`, asked(token))
  const job = await entry.nextJob()
  entry.flow(job.requestId)
  entry.token(job.requestId, 0, 65)
  entry.finish(job.requestId, 'stop', 2)
  return { answer: await (await reply).json(), prompt: Buffer.from(job.promptTokens).toString() }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'computepool-private-'))
  killChainWithUs(join(folder, 'data'))
  await writeTinyPack(join(folder, 'pack'))
  running = await start()
  // Nobody comes in while the token is not there; the API says what it waits for.
  expect(inftViewSchema.parse(await api(''))).toMatchObject({ mode: 'none' })
  expect((await ask()).status).toBe(503)
  await running.money!.ready
  ;({ entry } = await openSocketRing(running, model))
  expect([await running.inft!.ready, faults]).toEqual([1n, []])
  view = inftViewSchema.parse(await api('')) as typeof view
  client = createPublicClient({ transport: http(view.rpcUrl), pollingInterval: 50 }) as PublicClient
  owner = privateKeyToAccount(JSON.parse(await readFile(join(folder, 'data/keys.json'), 'utf8')).owner)
  for (const { address } of [user, buyer]) {
    const gift = { method: 'POST', headers: json, body: JSON.stringify({ address }) }
    expect((await fetch(`${running.url}/api/faucet`, gift)).status).toBe(200)
  }
}, 240_000)
afterAll(async () => {
  await running?.close()
  await rm(folder, { recursive: true })
}, 60_000)

it('tells whose it is, what it is on, and that neither storage nor oracle is the real thing', async () => {
  expect(view).toMatchObject({
    tokenId: '1',
    isPrivate: true,
    storage: { kind: 'stand-in' },
    oracle: { isSimulated: true },
  })
  const token = await readToken('1')
  expect(token).toMatchObject({
    owner: owner.address,
    version: 1,
    authorised: [],
    history: [{ by: 'mint', version: 1 }],
  })
  const read = await open(token.entries[0]!, (await keyOf(owner)).secret)
  expect(read).toMatchObject({ model: { id: model }, systemPrompt })
})

it('lets in whom the owner authorised, before anything is paid, until it is revoked', {
  timeout: 180_000,
}, async () => {
  const [status, code, message] = await refusal(await ask())
  expect([status, code]).toEqual([401, 'peer_unauthenticated'])
  expect(message).toContain('POST /api/inft/sign-in')
  // An address is no sign-in.
  expect((await refusal(await ask(user.address)))[0]).toBe(401)

  const token = await signIn(user)
  const refused = await refusal(await ask(token))
  expect(refused.slice(0, 2)).toEqual([403, 'peer_not_authorised'])
  expect(refused[2]).toContain(`Ask its owner ${owner.address}`)
  const session = await fetch(`${running.url}/v1/sessions`, post({ capAtomic: '1000000' }, token))
  expect(session.status).toBe(403)

  await send(owner, 'authorizeUsage', [1n, user.address])
  await running.inft!.refresh()
  const { answer, prompt } = await chat(user, token)
  expect(answer).toMatchObject({ choices: [{ message: { content: 'A' } }] })
  expect(prompt).toContain(systemPrompt)
  expect(await readToken('1')).toMatchObject({ authorised: [{ user: user.address, expiresAt: 0 }] })

  await send(owner, 'revokeAuthorization', [1n, user.address])
  await running.inft!.refresh()
  expect((await refusal(await ask(token)))[1]).toBe('peer_not_authorised')
})

it('goes to its next owner, who reads and asks; the one before can neither', { timeout: 180_000 }, async () => {
  const [ownerToken, buyerToken] = [await signIn(owner), await signIn(buyer)]
  const before = await readToken('1')
  const old = await keyOf(owner)
  const key = await keyOf(buyer)
  const containerKey = unseal(hexToBytes(before.entries[0]!.sealedKey), old.secret)
  const keysForOracle = [bytesToHex(sealTo(view.oracle.encryptionKey, containerKey, sealingEntropy()))]
  const order = { tokenId: '1', to: buyer.address, isClone: false, keysForOracle }
  await expect(api('/transfers', post(order, ownerToken))).rejects.toThrow('published no encryption key')
  await send(buyer, 'publishEncryptionKey', [key.publicKey])
  await expect(api('/transfers', post(order, buyerToken))).rejects.toThrow('peer_not_authorised')
  const prepared = preparedTransferSchema.parse(await api('/transfers', post(order, ownerToken)))
  // Asked again, the pool pays for nothing again.
  expect(await api('/transfers', post(order, ownerToken))).toMatchObject({ id: prepared.id, state: 'prepared' })

  const list = async (address: Hex) => transferListSchema.parse(await api(`/transfers?address=${address}`)).transfers
  const [offered] = await list(buyer.address)
  const place: InftPlace = { chainId: view.chainId, token: view.token, verifier: view.verifier }
  const store = {
    put: () => Promise.reject(new Error('A receiver stores nothing.')),
    get: async ({ root }: { root: Hex }) =>
      new Uint8Array(await (await fetch(`${running.url}/api/inft/blobs/${root}`)).arrayBuffer()),
  }
  const { timestamp } = await client.getBlock()
  const accepting = { client, place, store, secret: key.secret, deadline: timestamp + 3_600n }
  const transfer = { ...offered!, tokenId: BigInt(offered!.tokenId) }
  const accessOf = async (account: PrivateKeyAccount) =>
    (await acceptTransfer(transfer, { ...accepting, account })).map(({ accessProof }) => accessProof)
  const access = `/transfers/${offered!.id}/access`
  await expect(api(access, post({ accessProofs: await accessOf(user) }))).rejects.toThrow('not signed by')
  expect(transferViewSchema.parse(await api(access, post({ accessProofs: await accessOf(buyer) }))).state).toBe(
    'accepted',
  )

  const [accepted] = await list(owner.address)
  const proofs = accepted!.entries.map(({ ownershipProof }, at) => ({
    ownershipProof,
    accessProof: accepted!.accessProofs[at],
  }))
  await send(owner, 'iTransfer', [buyer.address, 1n, proofs])
  await running.inft!.refresh()
  expect((await list(buyer.address)).map(({ state }) => state)).toEqual(['sent'])

  const after = await readToken('1')
  expect(after).toMatchObject({ owner: buyer.address, version: 2, authorised: [] })
  expect(after.history[1]).toMatchObject({
    by: 'transfer',
    oracle: { address: view.oracle.address, isSimulated: true },
  })
  expect((await open(after.entries[0]!, key.secret)).systemPrompt).toBe(systemPrompt)
  await expect(open(after.entries[0]!, old.secret)).rejects.toThrow('does not open')
  const [{ description, root }] = after.entries as [InftToken['entries'][number]]
  const bytes = new Uint8Array(await (await fetch(`${running.url}/api/inft/blobs/${root}`)).arrayBuffer())
  const opened = () => openContainer(bytes, containerKey, { ...place, contract: place.token, description })
  expect(opened).toThrow('does not open')

  expect((await chat(buyer, buyerToken)).answer).toMatchObject({ choices: [{ message: { content: 'A' } }] })
  expect((await refusal(await ask(ownerToken))).slice(0, 2)).toEqual([403, 'peer_not_authorised'])
  // Nothing that anybody can ask for shows the prompt, and no notice did.
  const shown = [view, after, prepared, await (await fetch(`${running.url}/api/pool`)).json(), notices, faults]
  expect(JSON.stringify(shown)).not.toContain('hedgehog')
})

it('is cloned, read, changed and given to others from the command line', { timeout: 180_000 }, async () => {
  /** What it printed, as JSON. */
  const run = async (key: Hex | null, ...args: string[]): Promise<Record<string, unknown>> => {
    const printed: string[] = []
    const log = vi.spyOn(console, 'log').mockImplementation(text => void printed.push(String(text)))
    vi.stubEnv('COMPUTEPOOL_INFT_KEY', key ?? '')
    try {
      await inftCommand([...args, '--pool', running.url, '--json'])
    } finally {
      vi.unstubAllEnvs()
      log.mockRestore()
    }
    return JSON.parse(printed.join('')) as Record<string, unknown>
  }
  await run(buyerKey, 'authorize', user.address, '--until', '2100-01-01T00:00Z')
  const expiresAt = Date.parse('2100-01-01T00:00Z') / 1000
  expect(await run(null, 'show')).toMatchObject({ token: { authorised: [{ user: user.address, expiresAt }] } })
  await run(buyerKey, 'revoke', user.address)
  await expect(run(buyerKey, 'revoke', user.address)).rejects.toThrow('GrantUnknown')
  // The owner from before has nothing to say any more.
  const former = run(null, 'authorize', user.address, '--owner-of', join(folder, 'data'))
  await expect(former).rejects.toThrow(`NotOwner(1, ${owner.address})`)

  await expect(run(buyerKey, 'clone', user.address)).rejects.toThrow('published no encryption key')
  expect(await run(userKey, 'accept')).toMatchObject({ isPublished: true, accepted: [] })
  expect(await run(buyerKey, 'clone', user.address)).toMatchObject({ state: 'prepared', sent: null })
  expect(await run(userKey, 'accept')).toMatchObject({ isPublished: false, accepted: [{ state: 'accepted' }] })
  expect(await run(buyerKey, 'clone', user.address)).toMatchObject({ state: 'sent' })
  const { intelligence } = await run(userKey, 'show', '--token', '2', '--open')
  expect(intelligence).toMatchObject({ systemPrompt })
  await expect(run(buyerKey, 'show', '--token', '2', '--open')).rejects.toThrow('does not open')

  const file = join(folder, 'intelligence.json')
  await writeFile(file, JSON.stringify({ ...(intelligence as object), systemPrompt: 'Be brief.' }))
  await run(userKey, 'update', '--token', '2', '--file', file)
  expect(await run(userKey, 'show', '--token', '2', '--open')).toMatchObject({
    intelligence: { systemPrompt: 'Be brief.' },
  })
  expect(await run(userKey, 'mint', '--file', file)).toMatchObject({ tokenId: '3' })
})

it('is the same token after a restart, though its owner is another by then', { timeout: 180_000 }, async () => {
  await running.close()
  running = await start()
  expect(await running.inft!.ready).toBe(1n)
  view = inftViewSchema.parse(await api('')) as typeof view
  const at = { address: view.token, abi: poolInftAbi } as const
  client = createPublicClient({ transport: http(view.rpcUrl) }) as PublicClient
  expect(await client.readContract({ ...at, functionName: 'tokenCount' })).toBe(3n)
  expect(await readToken('1')).toMatchObject({ owner: buyer.address, version: 2 })
  expect(transferListSchema.parse(await api(`/transfers?address=${buyer.address}`)).transfers).toHaveLength(2)
  // Containers are found again by whoever names the token.
  const { entries } = await readToken('1')
  expect((await open(entries[0]!, (await keyOf(buyer)).secret)).systemPrompt).toBe(systemPrompt)
})
