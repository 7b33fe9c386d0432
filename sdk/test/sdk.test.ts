/**
 * The package in the hands of a stranger: packed, unpacked beside viem and the x402 client alone, its examples in plain Node against a real pool
 * with a chain and a ring; and what it says when that pool lies, runs dry, or loses its ring.
 */
import { execFile } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { verifyMessage } from 'ethers'
import { createWalletClient, custom, type WalletClient } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Answer,
  findPool,
  type Pool,
  type Receipt,
  requireVerified,
  type Session,
  verifyAnswer,
  verifyAttestation,
  verifyReceipt,
} from '../src/index.ts'
import { openPaidPool, type PaidPool } from './open-paid-pool.ts'
import { manifestOf, type PackedSdk, packSdk } from './pack-sdk.ts'

const account = privateKeyToAccount(generatePrivateKey())
const messages = [{ role: 'user', content: 'What is ComputePool?' }]
const failing = ({ checks }: { readonly checks: readonly { name: string; ok: boolean }[] }) =>
  checks.filter(check => !check.ok).map(check => check.name)

/** What was paid, and that with what was refunded, in millionths. */
function amountsIn(told = ''): number[] {
  const [, paid, refunded] = /Paid (0\.[0-9]+).* refunded (0\.[0-9]+)/.exec(told) ?? []
  return [Number(paid) * 1e6, Math.round(Number(paid) * 1e6 + Number(refunded) * 1e6)]
}

/** As a page has it: no key, only a provider (EIP-1193) that is asked to sign. */
const browserWallet = (): WalletClient =>
  createWalletClient({
    account: account.address,
    transport: custom({
      request: async ({ method, params }: { readonly method: string; readonly params: readonly [string, string] }) => {
        if (method !== 'eth_signTypedData_v4') throw new Error(`A page’s wallet was asked for ${method}.`)
        return account.signTypedData(JSON.parse(params[1]))
      },
    }),
  })

let running: PaidPool
let sdk: PackedSdk
let pool: Pool
beforeAll(async () => {
  const [opened, packed] = await Promise.allSettled([openPaidPool(), packSdk(['openai'])])
  if (opened.status === 'fulfilled') running = opened.value
  if (packed.status === 'fulfilled') sdk = packed.value
  for (const one of [opened, packed]) if (one.status === 'rejected') throw one.reason
  pool = await findPool(running.url)
  await pool.askFaucet(account.address)
}, 240_000)
afterAll(async () => {
  await Promise.all([running?.close(), sdk?.remove()])
})

describe('the package', () => {
  test('holds what it needs, asks for nothing but viem and the x402 client, and says so', async () => {
    expect(sdk.files).toEqual(
      expect.arrayContaining([
        'README.md',
        'dist/LICENSE',
        'dist/THIRD-PARTY-LICENSES',
        'dist/index.d.ts',
        'dist/index.js',
        'package.json',
      ]),
    )
    expect(sdk.files.filter(file => !/^(dist|examples)\/|^(README\.md|package\.json)$/.test(file))).toEqual([])
    const { dependencies, peerDependencies } = await manifestOf(sdk)
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(['@x402/core', '@x402/evm', 'viem'])
  })

  test('its types are whole for a strict compiler, with a page’s names and without Node’s', async () => {
    const here = path.dirname(fileURLToPath(import.meta.url))
    await cp(path.join(here, 'stranger.ts'), path.join(sdk.folder, 'stranger.ts'))
    // That ours lead to nothing but viem's the build makes sure of; to check viem's too takes seconds.
    const checks = { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', moduleResolution: 'nodenext' }
    const options = { ...checks, target: 'es2023', lib: ['es2023', 'dom', 'dom.asynciterable'], types: [] }
    const config = { compilerOptions: options, files: ['stranger.ts'] }
    await writeFile(path.join(sdk.folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = path.join(here, '../../node_modules/typescript/bin/tsc')
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', sdk.folder]).catch(error => error)
    expect(stdout).toBe('')
  })

  test('its examples do what they say', { timeout: 120_000 }, async () => {
    const example = (name: string) => sdk.node(`examples/${name}.mjs`, { POOL_URL: running.url })
    const [chat, stream, openai, verify] = await Promise.all(['chat', 'stream', 'openai', 'verify'].map(example))
    // The demo model knows one thing, and says it greedily.
    const says = /^ComputePool runs one AI model across several browser tabs\./
    expect(chat).toMatch(says)
    expect(amountsIn(chat)).toEqual([expect.any(Number), 100_000])
    expect(stream).toMatch(says)
    expect(stream).toContain(' tokens, ended by stop)\n')
    expect(amountsIn(stream)).toEqual([expect.any(Number), 100_000])
    expect(openai).toMatch(/^The exit .*\nPaid 0\.[0-9]+ USDC for 1 request\.\n$/s)
    expect(verify).toMatch(/^NOT verified: attestation by simulated, level simulated\n/)
    expect(verify).toContain('\nNOT verified: answer, level simulated\n  passed')
    expect(verify).toContain('\nverified: receipt\n')
    expect(verify?.split('receipt\n')[1]).not.toContain('failed')
  })
})

describe('an answer', () => {
  let session: Session
  let answer: Answer
  beforeAll(async () => {
    session = await pool.openSession({ account, cap: '0.05' })
    answer = await session.chat({ messages, max_tokens: 16, temperature: 0 })
  })

  test('is taken by a 0G client as it is: the signer recovered over the text is the attested one', async () => {
    const { signer } = await verifyAttestation(pool)
    // What 0G's processResponse does with the ID of ZG-Res-Key, with the library that it does it with.
    const told = await fetch(`${pool.url}/v1/proxy/signature/${answer.evidence.signatureId}?model=${pool.model}`)
    const { text, signature } = (await told.json()) as { text: string; signature: string }
    expect(verifyMessage(text, signature).toLowerCase()).toBe(signer)
  })

  test('matches its signature, streamed too, and never another’s', async () => {
    const stream = session.stream({ messages, max_tokens: 16, temperature: 0 })
    const pieces: string[] = []
    for await (const piece of stream) pieces.push(piece)
    const streamed = await stream.answer()
    expect(pieces.length).toBeGreaterThan(3)
    expect(pieces.join('')).toBe(streamed.text)
    expect(streamed.text).toBe(answer.text)
    expect(streamed.usage.completionTokens).toBe(16)
    const attestation = await verifyAttestation(pool)
    for (const one of [answer, streamed]) {
      const verdict = await verifyAnswer(one, { attestation })
      expect(failing(verdict)).toEqual([])
      expect(verdict).toMatchObject({ matches: true, verified: false, level: 'simulated' })
      expect(() => requireVerified(verdict)).toThrow('nothing but a simulation')
      expect(() => requireVerified(verdict, { allowSimulated: true })).not.toThrow()
    }
    const swapped = { evidence: { ...answer.evidence, responseSha256: streamed.evidence.responseSha256 } }
    const refused = await verifyAnswer(swapped, { attestation })
    expect(failing(refused)).toEqual(['response'])
    expect(() => requireVerified(refused, { allowSimulated: true })).toThrow(
      expect.objectContaining({ kind: 'signature_wrong' }),
    )
    const other = { ...attestation, signer: account.address.toLowerCase() as `0x${string}` }
    expect(failing(await verifyAnswer(answer, { attestation: other }))).toEqual(['signer'])
    const hardware = { ...attestation, kind: 'tdx-dstack', level: 'hardware', verified: true } as const
    const posing = await verifyAnswer(answer, { attestation: hardware })
    expect(posing).toMatchObject({ verified: false, level: 'none' })
    expect(failing(posing)).toEqual(expect.arrayContaining(['kind', 'text']))
    const forgotten = await verifyAnswer({ evidence: { ...answer.evidence, signatureId: '00' } }, { attestation })
    expect(forgotten).toMatchObject({ matches: false, level: 'none' })
  })

  test('stops when its reader leaves, by break or by signal, and the session goes on', async () => {
    const left = session.stream({ messages, max_tokens: 200 })
    for await (const _piece of left) break
    await expect(left.answer()).rejects.toMatchObject({ kind: 'answer_cut', code: 'sdk_stream_left' })
    const leave = new AbortController()
    const reading = (async () => {
      for await (const _piece of session.stream({ messages, max_tokens: 200 }, { signal: leave.signal }))
        leave.abort('enough')
    })()
    await expect(reading).rejects.toBe('enough')
    expect((await session.chat({ messages, max_tokens: 2 })).usage.completionTokens).toBe(2)
  })

  test('whose session was lost is paid from the one that the account recovers', async () => {
    const recovered = await pool.recoverSessions(account)
    expect(recovered.map(({ token }) => token)).toContain(session.token)
    const resumed = await pool.resumeSession(session.token ?? '')
    expect(resumed).toMatchObject({ id: session.id, capAtomic: 50_000n })
  })

  describe('when its session is closed', () => {
    let receipt: Receipt
    beforeAll(async () => {
      receipt = await session.close()
    })

    test('is on the receipt, and the chain says the same', async () => {
      expect(receipt).toMatchObject({ isClosed: true, capAtomic: 50_000n, payer: account.address.toLowerCase() })
      expect(receipt.paidAtomic + receipt.refundedAtomic).toBe(50_000n)
      expect(receipt.requests.find(({ requestId }) => requestId === answer.requestId)?.costAtomic).toBe(
        answer.costAtomic,
      )
      const verdict = await verifyReceipt(receipt, pool)
      expect(failing(verdict)).toEqual([])
      expect(verdict.onChain).toEqual({
        capAtomic: 50_000n,
        paidAtomic: receipt.paidAtomic,
        refundedAtomic: receipt.refundedAtomic,
      })
    })

    test('and a receipt that lies is told by what it lies about', async () => {
      const { paidAtomic, refundedAtomic, requests } = receipt
      const [first, ...rest] = requests
      const lies: [string[], Partial<Receipt>][] = [
        [['paid'], { paidAtomic: paidAtomic - 1n }],
        [['refunded'], { refundedAtomic: refundedAtomic + 1n }],
        [['cap'], { capAtomic: 60_000n }],
        [['payer', 'voucher', 'refund'], { payer: `0x${'12'.repeat(20)}` }],
        [
          ['voucher', 'refund'],
          { openTransaction: receipt.closeTransaction, closeTransaction: receipt.openTransaction },
        ],
        [['refund'], { closeTransaction: null }],
        [['requests', 'metered'], { requests: [{ ...first!, costAtomic: first!.costAtomic + 10_000n }, ...rest] }],
      ]
      for (const [names, lie] of lies) {
        const verdict = await verifyReceipt({ ...receipt, ...lie }, pool)
        expect(failing(verdict), names.join()).toEqual(names)
        expect(() => requireVerified(verdict)).toThrow(expect.objectContaining({ kind: 'receipt_wrong' }))
      }
    })

    test('takes no more requests', async () => {
      await expect(session.chat({ messages })).rejects.toMatchObject({ kind: 'session_over', httpStatus: 402 })
      expect(await session.close()).toEqual(receipt)
    })
  })
})

test('a cap that is spent ends the answer, and the next is refused as that', { timeout: 60_000 }, async () => {
  const { terms } = pool
  const least = terms.mode === 'paid' ? terms.minCapAtomic : 0n
  const session = await pool.openSession({ account: browserWallet(), cap: least })
  const answers: Answer[] = []
  const spend = async (): Promise<never> => {
    for (;;) answers.push(await session.stream({ messages, max_tokens: 256, temperature: 1.8 }).answer())
  }
  const spent = await Promise.allSettled([spend(), spend()])
  for (const one of spent) expect(one).toMatchObject({ reason: { kind: 'cap_spent', code: 'payment_cap_reached' } })
  expect(answers).toContainEqual(expect.objectContaining({ stoppedBy: 'cap', finishReason: 'length' }))
  expect(await session.close()).toMatchObject({ paidAtomic: least, refundedAtomic: 0n })
})

test('without a ring nobody pays', async () => {
  await running.leave()
  await expect(pool.openSession({ account, cap: '0.05' })).rejects.toMatchObject({ kind: 'ring_gone', httpStatus: 503 })
  expect((await pool.status()).status).not.toBe('ready')
})
