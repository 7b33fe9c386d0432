/** The way of a cent through real tabs: a payer signs once, watches the meter, stops, is refunded; operators watch their balance rise. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { streamVaultAbi, superfluidPoolAbi, usdcAbi } from '@computepool/contracts/abi'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { atomicToWei } from '@computepool/shared/money'
import { type BrowserContext, expect, type Locator, type Page, test } from '@playwright/test'
import { createPublicClient, type Hex, http } from 'viem'
import { holdAnswers } from '../harness/hold-answers.ts'
import { receivedWei } from '../harness/paying-client.ts'
import { whatDoesNotAddUp } from '../src/add-up-money.ts'

const transcripts = JSON.parse(await readFile('models/demo/golden/transcripts.json', 'utf8')) as {
  readonly messages: readonly { readonly content: string }[]
}[]
const question = transcripts.find(({ messages }) => messages.length === 1)!.messages[0]!.content
const capAtomic = 500_000n
const giftAtomic = 10_000_000n

const atomicOf = async (figure: Locator): Promise<bigint> => BigInt((await figure.getAttribute('data-atomic'))!)
const weiOf = async (figure: Locator): Promise<bigint> => BigInt((await figure.getAttribute('data-wei'))!)

/** The figure is seen larger than it is now. */
async function expectToGrow(read: () => Promise<bigint>): Promise<void> {
  const before = await read()
  await expect.poll(read, { intervals: [50] }).toBeGreaterThan(before)
}

test('a payer signs once, the meter runs, operators earn on chain, and the rest comes back', async ({ browser }) => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-money-'))
  const server = await startOrchestrator({
    port: 0,
    packDir: 'models/demo/pack',
    minSeats: 2,
    maxSeats: 2,
    money: { mode: 'paid', chain: { kind: 'embedded' }, dataDir },
  })
  const contexts: BrowserContext[] = []
  const open = async (address: string): Promise<Page> => {
    const context = await browser.newContext()
    contexts.push(context)
    const page = await context.newPage()
    await page.goto(`${server.url}${address}`)
    return page
  }
  try {
    const operators = [await open('/operate?join=1&engine=wasm'), await open('/operate?join=1&engine=wasm')]
    for (const page of operators) await expect(page.locator('html')).toHaveAttribute('data-status', 'serving')
    const terms = await (await server.money!.ready).terms()
    const chain = createPublicClient({ transport: http(terms.chain.rpcUrl), cacheTime: 0 })
    const members = server.desk.snapshot().seats.map(({ peer }) => peer.slice(0, 42) as Hex)
    const flowOf = (member: Hex): Promise<bigint> =>
      chain.readContract({
        address: terms.pool as Hex,
        abi: superfluidPoolAbi,
        functionName: 'getMemberFlowRate',
        args: [member],
      })
    const usdcOf = (owner: string): Promise<bigint> =>
      chain.readContract({
        address: terms.usdc as Hex,
        abi: usdcAbi,
        functionName: 'balanceOf',
        args: [owner as Hex],
      })

    const chat = await open('/chat')
    let payer = ''
    await test.step('this browser’s own key gets test money, and one signature opens a session', async () => {
      const wallet = chat.getByTestId('wallet')
      await expect(wallet).toHaveAttribute('data-kind', 'burner')
      payer = (await wallet.getAttribute('data-address'))!
      await expect(chat.getByTestId('sign')).toBeDisabled()
      await chat.getByTestId('faucet').click()
      await expect(chat.getByTestId('wallet-funds')).toHaveAttribute('data-atomic', String(giftAtomic))
      await chat.getByTestId(`cap-choice-${capAtomic}`).click()
      await chat.getByTestId('sign').click()
      await expect(chat.getByTestId('session-panel')).toHaveAttribute('data-status', 'open')
      expect(await usdcOf(payer)).toBe(giftAtomic - capAtomic)
      expect(await atomicOf(chat.getByTestId('spent'))).toBe(0n)
    })

    await test.step('while an answer is written the meter moves, and operators’ balances rise on the chain', async () => {
      const hold = holdAnswers(server.desk, 3)
      await chat.getByTestId('composer').fill(question)
      await chat.keyboard.press('Enter')
      await expect(chat.getByTestId('answer').last()).toHaveAttribute('data-status', 'streaming')
      await expectToGrow(() => atomicOf(chat.getByTestId('spent')))
      const rateWei = atomicToWei(terms.pricePerSecondAtomic)
      await expect(chat.getByTestId('rate')).toHaveAttribute('data-wei', String(rateWei))
      for (const member of members) {
        expect(await flowOf(member)).toBeGreaterThan(0n)
        await expectToGrow(() => receivedWei({ chain, terms }, member))
      }
      for (const page of operators) await expectToGrow(() => weiOf(page.getByTestId('earnings-balance')))
      await chat.getByTestId('stop').click()
      await expect(chat.getByTestId('answer').last()).toHaveAttribute('data-status', 'stopped')
      await expect(chat.getByTestId('rate')).toHaveAttribute('data-wei', '0')
      for (const member of members) expect(await flowOf(member)).toBe(0n)
      hold.release()
    })

    await test.step('the session’s end sends the rest back, and the receipt adds up', async () => {
      const spent = await atomicOf(chat.getByTestId('spent'))
      await chat.getByTestId('end-session').click()
      const receipt = chat.getByTestId('receipt')
      await expect(receipt).toHaveAttribute('data-status', 'closed')
      const paidAtomic = await atomicOf(receipt.getByTestId('paid'))
      const refundedAtomic = await atomicOf(receipt.getByTestId('refunded'))
      expect(paidAtomic).toBe(spent)
      expect(paidAtomic).toBeGreaterThan(0n)
      await expect(receipt.getByTestId('receipt-mismatch')).toHaveCount(0)
      expect(await usdcOf(payer)).toBe(giftAtomic - paidAtomic)
      await expect(chat.getByTestId('wallet-funds')).toHaveAttribute('data-atomic', String(giftAtomic - paidAtomic))

      const vault = { address: terms.vault as Hex, abi: streamVaultAbi } as const
      const netOwedWei = await chain.readContract({ ...vault, functionName: 'owedWei' })
      const earnedWei = await Promise.all(members.map(member => receivedWei({ chain, terms }, member)))
      const advancedWei = netOwedWei < 0n ? -netOwedWei : 0n
      const owedWei = netOwedWei > 0n ? netOwedWei : 0n
      expect(whatDoesNotAddUp({ capAtomic, paidAtomic, refundedAtomic, earnedWei, advancedWei, owedWei })).toBe(null)

      for (const transaction of await receipt.getByTestId('receipt-tx').all()) {
        const hash = (await transaction.getAttribute('data-hash')) as Hex
        expect((await chain.getTransactionReceipt({ hash })).status).toBe('success')
      }
      for (const [at, page] of operators.entries()) {
        const own = ((await page.getByTestId('earnings').getAttribute('data-operator')) ?? '') as Hex
        expect(members).toContain(own)
        await expect
          .poll(() => weiOf(page.getByTestId('earnings-balance')), { message: `balance of operator ${at}` })
          .toBe(earnedWei[members.indexOf(own)])
      }
    })

    await test.step('the owner sees session and runs with their logs; nobody else does', async () => {
      const stranger = await open('/activity')
      await expect(stranger.getByTestId('owner-sign-in')).toBeVisible()
      await expect(stranger.getByTestId('run-row')).toHaveCount(0)
      const owner = await open(`/activity#token=${server.money!.desk.ownerToken}`)
      await expect(owner.getByTestId('session-row')).toHaveAttribute('data-status', 'closed')
      const runs = owner.getByTestId('run-row')
      for (const workflow of ['set-units', 'stream-start', 'stream-stop']) {
        await expect(runs.filter({ hasText: workflow }).first()).toHaveAttribute('data-status', 'success')
      }
      const stop = runs.filter({ hasText: 'stream-stop' }).first()
      await stop.locator('summary').first().click()
      await expect(stop.getByTestId('run-log').first()).toHaveAttribute('data-status', 'success')
    })
  } finally {
    for (const context of contexts) await context.close()
    await server.close()
    await rm(dataDir, { recursive: true, force: true })
  }
})
