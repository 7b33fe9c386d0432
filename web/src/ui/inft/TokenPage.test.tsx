// @vitest-environment happy-dom

import { ComputePoolError } from '@computepool/shared/errors'
import { encryptionKeyOf, type TransferView, unseal } from '@computepool/shared/inft'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react'
import axe from 'axe-core'
import { bytesToHex, decodeFunctionData, hashMessage, hexToBytes } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, expect, test } from 'vitest'
import { tokenCallsAbi } from '../../inft/inft-calls.ts'
import {
  createFakeInft,
  derivedKeyOf,
  type FakeInft,
  oracleSecret,
  sampleIntelligence,
  samplePoolToken,
  sealedEntry,
} from '../testing/fake-inft.ts'
import { createFakeMoney, type FakeMoney, payerAccount } from '../testing/fake-money.ts'
import { renderPage } from '../testing/render-page.tsx'

afterEach(cleanup)

const pool = samplePoolToken()
const seller = privateKeyToAccount(`0x${'52'.repeat(32)}`)
const friend = `0x${'7'.repeat(40)}` as const
const plain = (element: Element) => (element.textContent ?? '').replaceAll('\u202f', ' ')
const violations = async () => {
  const found = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } })
  return found.violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html.slice(0, 120)}`))
}

/** Calls that the wallet was asked to send. */
function follow(money: FakeMoney): { readonly functionName: string; readonly args: readonly unknown[] }[] {
  const sent: ReturnType<typeof follow> = []
  money.onSend = async ({ to, data }) => {
    expect(to).toBe(pool.token)
    const { functionName, args = [] } = decodeFunctionData({ abi: tokenCallsAbi, data })
    sent.push({ functionName, args })
    return `0x${'e'.repeat(64)}`
  }
  return sent
}

async function open(inft: FakeInft, money = createFakeMoney()) {
  const services = renderPage('/token', { inft, money })
  await waitFor(() => expect(screen.getByTestId('role').dataset.role).not.toBe('nobody'))
  // Transfers and the published key have come by then too.
  await waitFor(() => expect(services.acts.getSnapshot().hasKey).not.toBeNull())
  return services
}

const step = () => screen.getByTestId('act').dataset.step
const settled = (wanted: string) => waitFor(() => expect(step()).toBe(wanted))

async function ownersInft() {
  const inft = createFakeInft(payerAccount.address, pool)
  const { publicKey } = await derivedKeyOf(payerAccount, pool)
  inft.token = { ...inft.token, entries: [sealedEntry(inft, pool, publicKey)] }
  return inft
}

test('a pool that is no token says why', async () => {
  renderPage('/token')
  expect(plain(await screen.findByTestId('no-token'))).toContain('work is free here, and there is no chain.')
  expect(await violations()).toEqual([])
})

test('a stranger reads whose it is, where it lies, what is simulated, and how to ask', async () => {
  const inft = createFakeInft(seller.address, pool)
  inft.token = { ...inft.token, authorised: [{ user: friend, expiresAt: 0 }] }
  await open(inft)
  expect(screen.getByTestId('token-owner').dataset.value).toBe(seller.address)
  const facts = plain(screen.getByTestId('token-facts'))
  expect(facts).toContain('A stand-in for 0G Storage')
  expect(facts).toContain('not 0G’s network')
  expect(plain(screen.getByTestId('oracle-level'))).toBe('simulated')
  expect(facts).toContain('no hardware vouches for it')
  expect(screen.getByTestId('role').dataset.role).toBe('stranger')
  expect(plain(screen.getByTestId('grant-row'))).toContain('until it is revoked')
  expect(screen.queryByTestId('revoke')).toBeNull()
  expect(screen.queryByTestId('grant-form')).toBeNull()
  expect(screen.queryByTestId('open-newest')).toBeNull()
  expect(screen.getAllByTestId('version-row')).toHaveLength(1)
  const ask = screen.getByTestId('how-to-ask')
  expect(within(ask).getByText('0xaaaa…aaaa')).toBeTruthy()
  expect(await violations()).toEqual([])
})

test('the owner authorises with an end, sees each step, then revokes', async () => {
  const inft = await ownersInft()
  const money = createFakeMoney()
  const sent = follow(money)
  let mine = () => {}
  inft.onConfirm = () => new Promise(resolve => (mine = resolve))
  await open(inft, money)
  expect(screen.getByTestId('role').dataset.role).toBe('owner')
  fireEvent.change(screen.getByTestId('grant-user'), { target: { value: friend } })
  fireEvent.change(screen.getByTestId('grant-end'), { target: { value: '2030-01-01T00:00' } })
  fireEvent.click(screen.getByTestId('grant'))
  await settled('sent')
  expect(screen.getByTestId('act-hash').dataset.hash).toBe(`0x${'e'.repeat(64)}`)
  expect((screen.getByTestId('grant') as HTMLButtonElement).disabled).toBe(true)
  const expiresAt = Math.floor(new Date('2030-01-01T00:00').getTime() / 1000)
  inft.token = { ...inft.token, authorised: [{ user: friend, expiresAt }] }
  await act(async () => mine())
  await settled('confirmed')
  expect(sent).toEqual([{ functionName: 'authorizeUsage', args: [1n, friend, BigInt(expiresAt)] }])
  await waitFor(() => expect(screen.getByTestId('grant-row').dataset.user).toBe(friend))
  expect(await violations()).toEqual([])
  fireEvent.click(screen.getByTestId('revoke'))
  await settled('sent')
  inft.token = { ...inft.token, authorised: [] }
  await act(async () => mine())
  await waitFor(() => expect(screen.queryByTestId('grant-row')).toBeNull())
  expect(sent[1]).toEqual({ functionName: 'revokeAuthorization', args: [1n, friend] })
})

test.each([
  ['no address', 'hello', '', 'That is no address.', 'Paste an address'],
  ['a mistyped one', seller.address.replace(/[a-f]/, digit => digit.toUpperCase()), '', 'mistyped', 'Copy it again'],
  ['an end in the past', friend, '2001-01-01T00:00', 'The end lies in the past', 'Choose a later end'],
])('%s is refused with a remedy before the wallet is asked', async (_name, user, end, message, remedy) => {
  const money = createFakeMoney()
  const sent = follow(money)
  await open(await ownersInft(), money)
  fireEvent.change(screen.getByTestId('grant-user'), { target: { value: user } })
  fireEvent.change(screen.getByTestId('grant-end'), { target: { value: end } })
  fireEvent.click(screen.getByTestId('grant'))
  await settled('failed')
  const error = screen.getByTestId('error')
  expect(plain(error)).toContain(message)
  expect(plain(error)).toContain(remedy)
  expect(sent).toEqual([])
})

test('the chain’s refusal, the owner’s no and a lost receipt each say what to do', async () => {
  const inft = await ownersInft()
  const money = createFakeMoney()
  await open(inft, money)
  const tryIt = async () => {
    fireEvent.change(screen.getByTestId('grant-user'), { target: { value: friend } })
    fireEvent.click(screen.getByTestId('grant'))
    await settled('failed')
    return plain(screen.getByTestId('error'))
  }
  inft.onCheck = () => {
    throw new ComputePoolError('chain_reverted', 'A hundred users are authorised.', { remedy: 'Revoke one first.' })
  }
  expect(await tryIt()).toContain('Revoke one first.')
  inft.onCheck = () => {}
  money.onSend = async () => {
    throw new ComputePoolError('payment_signature_declined', 'Declined.', { remedy: 'Nothing was paid or sent.' })
  }
  expect(await tryIt()).toContain('Nothing was paid or sent.')
  money.onSend = async () => `0x${'e'.repeat(64)}`
  inft.onConfirm = async () => {
    throw new ComputePoolError('chain_unreachable', 'The chain did not answer.', { remedy: 'Try again.' })
  }
  expect(await tryIt()).toContain('handed to the chain all the same')
  expect(await violations()).toEqual([])
})

test('the owner opens the newest version and writes the next, sealed before it leaves', async () => {
  const inft = await ownersInft()
  const money = createFakeMoney()
  const sent = follow(money)
  await open(inft, money)
  fireEvent.click(screen.getByTestId('open-newest'))
  await waitFor(() => expect(screen.getByTestId('newest').dataset.prompt).toBe(sampleIntelligence.systemPrompt))
  expect(await violations()).toEqual([])
  fireEvent.change(screen.getByTestId('next-prompt'), { target: { value: 'Tell of a badger.' } })
  const before = inft.blobs.size
  fireEvent.click(screen.getByTestId('write'))
  await settled('confirmed')
  expect(inft.blobs.size).toBe(before + 1)
  const [[data], [sealedKey]] = sent[0]!.args.slice(1) as [[{ dataHash: string }], [`0x${string}`]]
  const container = inft.blobs.get(data.dataHash)!
  expect(new TextDecoder().decode(container)).not.toContain('badger')
  expect(unseal(hexToBytes(sealedKey), (await derivedKeyOf(payerAccount, pool)).secret)).toHaveLength(32)
  expect(screen.getByTestId('newest').dataset.prompt).toBe('Tell of a badger.')
})

test('the owner offers: not before the receiver has a key; then the oracle gets the container’s key, and nobody else', async () => {
  const inft = await ownersInft()
  await open(inft)
  const offer = () => {
    fireEvent.change(screen.getByTestId('offer-to'), { target: { value: friend } })
    fireEvent.click(screen.getByTestId('offer'))
  }
  offer()
  await settled('failed')
  expect(plain(screen.getByTestId('error'))).toContain('publish its key first')
  inft.keys.set(friend, encryptionKeyOf(oracleSecret))
  offer()
  await settled('done')
  const [{ keysForOracle, isClone, to }] = inft.orders as [(typeof inft.orders)[0]]
  expect({ isClone, to }).toEqual({ isClone: false, to: friend })
  const { secret } = await derivedKeyOf(payerAccount, pool)
  expect(unseal(hexToBytes(keysForOracle[0] as `0x${string}`), oracleSecret)).toEqual(
    unseal(hexToBytes(inft.token.entries[0]!.sealedKey), secret),
  )
})

test('the owner has a clone prepared, by the same check and the same oracle', async () => {
  const inft = await ownersInft()
  await open(inft)
  const clone = () => {
    fireEvent.change(screen.getByTestId('offer-to'), { target: { value: friend } })
    fireEvent.click(screen.getByRole('button', { name: 'Prepare a clone' }))
  }
  clone()
  await settled('failed')
  expect(plain(screen.getByTestId('act'))).toBe('Prepare the clone: it did not work. ')
  expect(plain(screen.getByTestId('error'))).toContain('publish its key first')
  inft.keys.set(friend, encryptionKeyOf(oracleSecret))
  clone()
  await settled('done')
  expect(inft.orders).toMatchObject([{ isClone: true, to: friend, keysForOracle: [expect.any(String)] }])
  expect(await violations()).toEqual([])
})

test('a receiver signs the same text twice before its key is published', async () => {
  const inft = createFakeInft(seller.address, pool)
  const money = createFakeMoney()
  const sent = follow(money)
  const texts: string[] = []
  money.onMessage = message => {
    texts.push(message)
    return payerAccount.signMessage({ message })
  }
  await open(inft, money)
  fireEvent.click(screen.getByTestId('publish-key'))
  await settled('confirmed')
  expect(texts).toHaveLength(2)
  expect(texts[0]).toBe(texts[1])
  const { publicKey } = await derivedKeyOf(payerAccount, pool)
  expect(sent).toEqual([{ functionName: 'publishEncryptionKey', args: [publicKey] }])
})

test.each([
  ['signs differently each time', 'in two different ways'],
  ['answers like a smart account', 'not an ordinary account’s'],
  ['signs with another key', 'not by the account’s own key'],
])('no key is published for a wallet that %s', async (how, words) => {
  const money = createFakeMoney()
  const sent = follow(money)
  let asked = 0
  money.onMessage = async message => {
    asked += 1
    if (how.startsWith('answers')) return `0x${'ab'.repeat(200)}`
    if (how.startsWith('signs with')) return seller.signMessage({ message })
    // Extra entropy: still the account's own signature, and another one each time.
    return signedAnew(message, asked)
  }
  await open(createFakeInft(seller.address, pool), money)
  fireEvent.click(screen.getByTestId('publish-key'))
  await settled('failed')
  expect(plain(screen.getByTestId('error'))).toContain(words)
  expect(sent).toEqual([])
})

/** The account's own signature with randomness in it, as some wallets make them: another one each time. */
function signedAnew(message: string, seed: number): `0x${string}` {
  const extraEntropy = new Uint8Array(32).fill(seed)
  const bytes = secp256k1.sign(hexToBytes(hashMessage(message)), hexToBytes(`0x${'11'.repeat(32)}`), {
    ...{ extraEntropy, prehash: false, format: 'recovered' },
  })
  // noble puts the recovery bit first, wallets put it last.
  return bytesToHex(Uint8Array.from([...bytes.slice(1), 27 + bytes[0]!]))
}

/** As long as the seller's: a real oracle leaves the text as it is. */
const forBuyer = 'For the buyer.'.padEnd(sampleIntelligence.systemPrompt.length, '.')

async function transferTo(inft: FakeInft, publicKey: `0x${string}`, lie: object = {}): Promise<TransferView> {
  const old = inft.token.entries[0]!
  const next = sealedEntry(inft, pool, publicKey, { ...sampleIntelligence, systemPrompt: forBuyer })
  const ownershipProof = {
    oracleType: 0,
    oldDataHash: old.root,
    newDataHash: next.root,
    sealedKey: next.sealedKey,
    encryptedPubKey: publicKey,
    nonce: `0x${'0'.repeat(384)}`,
    proof: `0x${'1'.repeat(130)}`,
    ...lie,
  } as const
  return {
    ...{ id: 'd'.repeat(32), tokenId: '1', from: seller.address, to: payerAccount.address, isClone: false },
    ...{ deadline: 1_700_003_600, state: 'prepared', accessProofs: [] },
    entries: [{ description: next.description, blob: { root: next.root, sizeBytes: next.sizeBytes }, ownershipProof }],
  }
}

async function incoming(lie: object = {}) {
  const inft = createFakeInft(seller.address, pool)
  const sellersKey = await derivedKeyOf(seller, pool)
  inft.token = { ...inft.token, entries: [sealedEntry(inft, pool, sellersKey.publicKey)] }
  const own = await derivedKeyOf(payerAccount, pool)
  inft.keys.set(payerAccount.address.toLowerCase(), own.publicKey)
  inft.transfers = [await transferTo(inft, own.publicKey, lie)]
  return inft
}

test('a receiver opens what was made for it, and only then signs', async () => {
  const inft = await incoming()
  await open(inft)
  expect(screen.getByTestId('transfer-row').dataset.state).toBe('prepared')
  fireEvent.click(screen.getByTestId('accept'))
  await settled('done')
  expect(screen.getByTestId('received').dataset.prompt).toBe(forBuyer)
  const [{ accessProofs }] = inft.accepted as [(typeof inft.accepted)[0]]
  expect(accessProofs).toHaveLength(1)
  expect(accessProofs[0]!.newDataHash).toBe(inft.transfers[0]!.entries[0]!.blob.root)
  expect(await violations()).toEqual([])
})

test.each([
  [
    'about data that the token does not hold',
    { oldDataHash: `0x${'9'.repeat(64)}` },
    'not about what the token holds now',
  ],
  ['sealed to another key', { encryptedPubKey: encryptionKeyOf(oracleSecret) }, 'for another key'],
  ['whose key does not open', { sealedKey: `0x${'00'.repeat(129)}` }, 'does not open'],
])('a receiver signs nothing %s', async (_name, lie, words) => {
  const inft = await incoming(lie)
  const money = createFakeMoney()
  await open(inft, money)
  fireEvent.click(screen.getByTestId('accept'))
  await settled('failed')
  expect(plain(screen.getByTestId('error'))).toContain(words)
  expect(money.signed).toEqual([])
  expect(inft.accepted).toEqual([])
})

test.each([
  [false, 'Hand the token over', 'The token to 0x', 'iTransfer'],
  [true, 'Send the clone', 'A clone to 0x', 'iClone'],
])('the owner sends what was accepted, a clone (%s) by its name', async (isClone, name, words, functionName) => {
  const inft = await ownersInft()
  const transfer = await transferTo(inft, encryptionKeyOf(oracleSecret))
  const { oldDataHash, newDataHash, nonce, proof } = transfer.entries[0]!.ownershipProof
  const accessProofs = [{ oldDataHash, newDataHash, nonce, encryptedPubKey: '0x' as const, proof }]
  inft.transfers = [{ ...transfer, from: payerAccount.address, to: friend, isClone, state: 'accepted', accessProofs }]
  const money = createFakeMoney()
  const sent = follow(money)
  await open(inft, money)
  expect(plain(screen.getByTestId('transfer-row'))).toContain(words)
  fireEvent.click(screen.getByRole('button', { name }))
  await settled('confirmed')
  expect(plain(screen.getByTestId('act'))).toContain(`${name}. Confirmed`)
  expect(sent[0]).toMatchObject({ functionName, args: [friend, 1n, [{ accessProof: { nonce } }]] })
})

test('signing in is one signature; the session is kept for the tab and given up on request', async () => {
  const services = await open(createFakeInft(seller.address, pool))
  fireEvent.click(screen.getByTestId('sign-in'))
  await waitFor(() => expect(services.access.token()).toBe('fake-access'))
  expect(screen.getByTestId('access').dataset.address).toBe(payerAccount.address.toLowerCase())
  fireEvent.click(screen.getByTestId('sign-out'))
  expect(services.access.token()).toBeNull()
})
