/**
 * What pages say of stakes, checks and disputes, painted by a real browser: a phone's width, both palettes, by keyboard. The pool's news
 * is staged there (the same samples as the pages' own tests); the last journey stakes on a real chain with a real tab's key.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { bigintAsString } from '@computepool/shared/money'
import { expect, type Page, test } from '@playwright/test'
import axe from 'axe-core'
import { sampleTerms } from '../../web/src/ui/testing/sample-money.ts'
import { sampleDispute, stakedPool } from '../../web/src/ui/testing/sample-trust.ts'

const phone = { width: 360, height: 740 }
let server: RunningOrchestrator

test.beforeAll(async () => {
  server = await startOrchestrator({
    host: '127.0.0.1',
    port: 0,
    packDir: 'models/demo/pack',
    minSeats: 3,
    maxSeats: 3,
  })
})
test.afterAll(() => server.close())

async function stageNews(page: Page): Promise<void> {
  const json = (body: unknown) => ({ contentType: 'application/json', body: JSON.stringify(body, bigintAsString) })
  const settled = sampleDispute({ id: 'd0', state: 'settled', slashedAtomic: 5_000_000n, payerAtomic: 123_456n })
  await page.route('**/api/money', route => route.fulfill(json(sampleTerms())))
  await page.route('**/api/disputes', route => route.fulfill(json({ disputes: [sampleDispute(), settled] })))
  // A stream that ends: the page keeps the snapshot, and asks again.
  await page.route('**/api/pool/events', route =>
    route.fulfill({ contentType: 'text/event-stream', body: `data: ${JSON.stringify(stakedPool())}\n\n` }),
  )
}

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

/** Elements that reach beyond the screen, but for what may scroll, drawings, and words for ears. */
const tooWide = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('body *:not(pre *, svg *, .scroll-x *, .visually-hidden *)')]
      .filter(element => element.getBoundingClientRect().right > innerWidth + 0.5)
      .map(({ tagName, className }) => `${tagName} ${className}`),
  )

for (const colorScheme of ['dark', 'light'] as const) {
  test(`stakes, checks and disputes fit a phone and can be read: ${colorScheme}`, async ({ browser }) => {
    const context = await browser.newContext({ viewport: phone, colorScheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    try {
      await stageNews(page)
      for (const [address, landmark] of [
        ['/', 'pool-trust'],
        ['/operate', 'signing-terms'],
        ['/chat', 'trusted-ends'],
        ['/trust', 'who-sees'],
        ['/disputes', 'evidence'],
      ] as const) {
        await page.goto(`${server.url}${address}`)
        await expect(page.getByTestId(landmark).first()).toBeVisible()
        await expect(page.getByTestId('stake-chip').first()).toHaveText('staked pool')
        expect(await tooWide(page), address).toEqual([])
        expect(await seriousFindings(page), address).toEqual([])
      }
    } finally {
      await context.close()
    }
  })
}

test('from the chat to who sees what, to a conviction’s evidence, by keyboard alone', async ({ page }) => {
  await stageNews(page)
  await page.goto(`${server.url}/chat`)
  await page.getByTestId('trusted-ends').focus()
  await page.keyboard.press('Space')
  await expect(page.getByTestId('trusted-ends')).toBeChecked()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('What each seat can see')
  await expect(page.getByTestId('convictions')).toContainText('0x2222…2222 was convicted')
  await page.getByTestId('pool-trust').getByRole('link', { name: 'Disputes' }).focus()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(`${server.url}/disputes`)
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused()
  await expect(page.getByTestId('dispute-row')).toHaveCount(2)
  await expect(page.getByTestId('evidence').first()).toHaveAttribute('href', /^\/api\/evidence\/[0-9a-f]{64}$/)
})

test('a tab is told what its key will sign, stakes by itself, and reads how it stands', async ({ page }) => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-trust-'))
  const money = { mode: 'paid', chain: { kind: 'embedded' }, dataDir, stakeAtomic: 5_000_000n } as const
  const paid = await startOrchestrator({ port: 0, packDir: 'models/demo/pack', minSeats: 1, maxSeats: 1, money })
  try {
    await page.goto(`${paid.url}/operate`)
    await expect(page.getByTestId('signing-terms')).toContainText('5.00\u202ftest USDC of this key’s own money')
    await page.getByText('Engine: chosen by measurement').click()
    await page.getByRole('radio', { name: /^WASM/ }).check()
    await page.getByTestId('join').click()
    await expect(page.locator('html')).toHaveAttribute('data-status', 'serving')
    await expect(page.getByTestId('own-standing')).toContainText('Weight0.10')
    await expect(page.getByTestId('own-stake')).toHaveAttribute('data-state', 'staked')
    await expect(page.getByTestId('stake-amount')).toHaveAttribute('data-atomic', '5000000')
    await expect(page.getByTestId('pool-stake')).toContainText('Of this ring 1 of 1 have staked.')
    await page.getByTestId('leave').click()
    await expect(page.locator('html')).toHaveAttribute('data-status', 'idle')
    await expect(page.getByTestId('own-stake')).toContainText('It has left since')
  } finally {
    await page.close()
    await paid.close()
    await rm(dataDir, { recursive: true, force: true })
  }
})
