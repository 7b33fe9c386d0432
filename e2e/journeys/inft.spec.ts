/**
 * A private pool's token through real tabs: its owner authorises, the authorised chats, is revoked and refused; then the token goes to another
 * wallet, which reads it. The wallets are stand-ins (EIP-6963) that sign with test keys; storage and chain are the embedded ones.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { killChainWithUs } from '@computepool/contracts/testing'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { type InftView, inftViewSchema } from '@computepool/shared/inft'
import { type BrowserContext, expect, type Page, test } from '@playwright/test'
import axe from 'axe-core'
import type { Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { type AnnouncedWallet, announceWallet } from '../harness/announce-wallet.ts'

const phone = { width: 360, height: 740 }
const giftAtomic = '10000000'
const systemPrompt = 'Tell of a hedgehog, and keep this to yourself.'
const transcripts = JSON.parse(await readFile('models/demo/golden/transcripts.json', 'utf8')) as {
  readonly messages: readonly { readonly content: string }[]
}[]
const question = transcripts.find(({ messages }) => messages.length === 1)!.messages[0]!.content

let server: RunningOrchestrator
let dataDir: string
let view: Extract<InftView, { mode: 'token' }>
let owner: { readonly page: Page; readonly wallet: AnnouncedWallet }
const contexts: BrowserContext[] = []

test.describe.configure({ mode: 'serial' })

test.beforeAll(async ({ browser }) => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-inft-'))
  killChainWithUs(dataDir)
  server = await startOrchestrator({
    port: 0,
    packDir: 'models/demo/pack',
    minSeats: 1,
    maxSeats: 1,
    money: { mode: 'paid', chain: { kind: 'embedded' }, dataDir },
    inft: { isPrivate: true, tokenId: null },
    systemPrompt,
  })
  await server.inft!.ready
  const told = inftViewSchema.parse(await (await fetch(`${server.url}/api/inft`)).json())
  if (told.mode === 'none') throw new Error(told.why)
  view = told
  const keys = JSON.parse(await readFile(path.join(dataDir, 'keys.json'), 'utf8')) as { readonly owner: Hex }
  const opened = await openWithWallet(browser, { name: 'Owner’s Wallet', privateKey: keys.owner })
  owner = opened
})
test.afterAll(async () => {
  for (const context of contexts) await context.close()
  await server?.close()
  await rm(dataDir, { recursive: true, force: true })
})

type Opener = { newContext(options?: object): Promise<BrowserContext> }

async function open(browser: Opener, address: string): Promise<Page> {
  const context = await browser.newContext()
  contexts.push(context)
  const page = await context.newPage()
  await page.goto(`${server.url}${address}`)
  return page
}

async function openWithWallet(browser: Opener, { name, privateKey }: { name: string; privateKey: Hex }) {
  const context = await browser.newContext()
  contexts.push(context)
  const { chainId, rpcUrl } = view
  const wallet = await announceWallet(context, { name, privateKey, chainId, rpcUrl })
  const page = await context.newPage()
  await page.goto(`${server.url}/token`)

  await page.getByRole('button', { name: `Use ${name}` }).click()
  await expect(page.getByTestId('wallet')).toHaveAttribute('data-address', wallet.address)
  await page.getByTestId('switch-chain').click()
  await expect(page.getByTestId('switch-chain')).toHaveCount(0)
  return { page, wallet }
}

const acted = (page: Page, kind: string, step: string) =>
  expect(page.locator(`[data-testid="act"][data-kind="${kind}"]`)).toHaveAttribute('data-step', step)

/** What axe calls serious or critical, in words. Colours count: this browser paints. */
async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(document),
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`)
}

const tooWide = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('body *:not(pre *, svg *, .scroll-x *, .visually-hidden *)')]
      .filter(element => element.getBoundingClientRect().right > innerWidth + 0.5)
      .map(({ tagName, className }) => `${tagName} ${className}`),
  )

test('who is authorised chats in a private pool, and is refused once that is revoked', async ({ browser }) => {
  const operator = await open(browser, '/operate?join=1&engine=wasm')
  const chat = await open(browser, '/chat')
  let user = ''
  await test.step('a stranger is told before paying that the pool is private, and how to ask', async () => {
    const notice = chat.getByTestId('private-pool')
    await expect(notice).toHaveAttribute('data-access', 'signed-out')
    await expect(chat.getByTestId('open-session')).toHaveCount(0)
    await expect(chat.getByTestId('wallet')).toHaveAttribute('data-kind', 'burner')
    user = (await chat.getByTestId('wallet').getAttribute('data-address'))!.toLowerCase()
    await chat.getByTestId('sign-in').click()
    await expect(notice).toHaveAttribute('data-access', 'unauthorised')
    await expect(notice.getByRole('link', { name: 'How to ask for access' })).toHaveAttribute('href', '/token#ask')
  })

  await test.step('the owner authorises with its wallet: a no at first, then asked, sent, confirmed', async () => {
    const { page, wallet } = owner
    await expect(page.getByTestId('role')).toHaveAttribute('data-role', 'owner')
    wallet.isDeclining = true
    await page.getByTestId('grant-user').fill(user)
    await page.getByTestId('grant-user').press('Enter')
    await acted(page, 'grant', 'failed')
    await expect(page.getByTestId('error')).toHaveAttribute('data-code', 'payment_signature_declined')
    wallet.isDeclining = false
    await page.getByTestId('grant').click()
    await acted(page, 'grant', 'confirmed')
    await expect(page.getByTestId('act-hash')).toHaveAttribute('data-hash', /^0x[0-9a-f]{64}$/)
    await expect(page.getByTestId('grant-row')).toHaveAttribute('data-user', user)
  })

  await test.step('the authorised pays, asks and is answered', async () => {
    await expect(operator.locator('html')).toHaveAttribute('data-status', 'serving')
    await chat.getByTestId('ask-chain').click()
    await chat.getByTestId('faucet').click()
    await expect(chat.getByTestId('wallet-funds')).toHaveAttribute('data-atomic', giftAtomic)
    await chat.getByTestId('sign').click()
    await expect(chat.getByTestId('session-panel')).toHaveAttribute('data-status', 'open')
    await chat.getByTestId('composer').fill(question)
    await chat.keyboard.press('Enter')
    await expect(chat.getByTestId('answer').last()).toHaveAttribute('data-status', 'done')
    await expect(chat.getByTestId('answer').last()).not.toContainText('hedgehog, and keep')
  })

  await test.step('the owner revokes, and the next question is refused with a way on', async () => {
    await owner.page.getByRole('button', { name: /^Revoke 0x/ }).click()
    await acted(owner.page, 'revoke', 'confirmed')
    await expect(owner.page.getByTestId('grant-row')).toHaveCount(0)
    await server.inft!.refresh()
    await chat.getByTestId('composer').fill(question)
    await chat.keyboard.press('Enter')
    const refusal = chat.getByTestId('answer-error')
    await expect(refusal).toHaveAttribute('data-code', 'peer_not_authorised')
    await refusal.getByRole('link', { name: 'How to ask for access' }).click()
    await expect(chat.getByTestId('how-to-ask').getByRole('heading')).toBeFocused()
  })
})

test('the token goes to another wallet, which reads it; the old owner’s page says that it is a stranger', async ({
  browser,
}) => {
  const buyer = await openWithWallet(browser, { name: 'Buyer’s Wallet', privateKey: generatePrivateKey() })

  await test.step('the receiver publishes a key: two equal signatures, one transaction', async () => {
    await expect(buyer.page.getByTestId('role')).toHaveAttribute('data-role', 'stranger')
    await buyer.page.getByTestId('faucet').click()
    await expect(buyer.page.getByTestId('wallet-funds')).toHaveAttribute('data-atomic', giftAtomic)
    await buyer.page.getByTestId('publish-key').click()
    await acted(buyer.page, 'publish', 'confirmed')
    await expect(buyer.page.getByTestId('key-panel')).toHaveAttribute('data-has-key', 'true')
    expect(buyer.wallet.asked.filter(method => method === 'personal_sign')).toHaveLength(2)
  })

  await test.step('the owner has it prepared, the receiver opens it and signs', async () => {
    await owner.page.getByTestId('offer-to').fill(buyer.wallet.address)
    await owner.page.getByTestId('offer').click()
    await acted(owner.page, 'offer', 'done')
    await buyer.page.getByTestId('refresh-token').click()
    await buyer.page.getByTestId('accept').click()
    await acted(buyer.page, 'accept', 'done')
    await expect(buyer.page.getByTestId('received')).toHaveAttribute('data-prompt', systemPrompt)
  })

  await test.step('the owner hands it over; the new owner reads and writes, the old one can do nothing more', async () => {
    await owner.page.getByTestId('refresh-token').click()
    await owner.page.getByTestId('hand-over').click()
    await expect(owner.page.getByTestId('role')).toHaveAttribute('data-role', 'stranger')
    await expect(owner.page.getByTestId('grant-form')).toHaveCount(0)
    const { page } = buyer
    await page.getByTestId('refresh-token').click()
    await expect(page.getByTestId('role')).toHaveAttribute('data-role', 'owner')
    await expect(page.getByTestId('version-row').first()).toContainText('encrypted anew for a new owner')
    await expect(page.getByTestId('version-row').first()).toContainText('simulated')
    await page.getByTestId('open-newest').click()
    await expect(page.getByTestId('newest')).toHaveAttribute('data-prompt', systemPrompt)
    await page.getByTestId('next-prompt').fill('Tell of a badger.')
    await page.getByTestId('write').click()
    await acted(page, 'write', 'confirmed')
    await expect(page.getByTestId('version-row')).toHaveCount(3)
  })

  await test.step('on a phone nothing is cut off and all can be read, in both palettes', async () => {
    for (const page of [buyer.page, owner.page]) {
      await page.setViewportSize(phone)
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        expect(await tooWide(page), colorScheme).toEqual([])
        expect(await seriousFindings(page), colorScheme).toEqual([])
      }
    }
  })
})
