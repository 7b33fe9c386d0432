/** A stranger's first minutes at the page: two people join by hand, a third asks, looks at the ring, stops an answer, loses a seat. */
import { readFile } from 'node:fs/promises'
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, type Locator, type Page, test } from '@playwright/test'
import axe from 'axe-core'
import { holdAnswers } from '../harness/hold-answers.ts'

interface Transcript {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly completionTokens: readonly number[]
  readonly text: string
}
const transcripts = JSON.parse(await readFile('models/demo/golden/transcripts.json', 'utf8')) as Transcript[]
const golden = transcripts.find(({ messages }) => messages.length === 1)!
const question = golden.messages[0]!.content
const phone = { width: 360, height: 740 }

async function joinByHand(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/operate`)
  await page.getByText('Engine: chosen by measurement').click()
  await page.getByRole('radio', { name: /^WASM/ }).check()
  await expectToFitPhone(page, page.getByTestId('join'))
  await page.getByTestId('join').click()
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByTestId('composer').fill('')
  await page.getByTestId('composer').pressSequentially(text)
  await page.keyboard.press('Enter')
}

const lastAnswer = (page: Page) => page.getByTestId('answer').last()

/** `landmark` is what is to be seen once the page has laid itself out for the width. */
async function expectToFitPhone(page: Page, landmark: Locator): Promise<void> {
  const before = page.viewportSize()!
  await page.setViewportSize(phone)
  await expect(landmark).toBeVisible()
  // The document's own width says nothing where a box inside it scrolls: each element is looked at, but for what may scroll
  // (code), drawings, and words for ears.
  const tooWide = await page.evaluate(() =>
    [...document.querySelectorAll('body *:not(pre *, svg *, .visually-hidden *)')]
      .filter(element => element.getBoundingClientRect().right > innerWidth + 0.5)
      .map(({ tagName, className }) => `${tagName} ${className}`),
  )
  expect(tooWide, page.url()).toEqual([])
  await page.setViewportSize(before)
}

/** What axe calls serious or critical, in words. Colours count too: this browser paints. */
async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(document),
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`)
}

test('two people join by hand, a third asks, stops, and sees a seat go', async ({ browser }) => {
  const server = await startOrchestrator({
    host: '127.0.0.1',
    port: 0,
    packDir: 'models/demo/pack',
    minSeats: 2,
    maxSeats: 2,
  })
  const open = async (): Promise<Page> => (await browser.newContext()).newPage()
  const operators = [await open(), await open()] as const
  const chat = await open()
  const { layers } = server.desk.snapshot()
  try {
    await test.step('the operators see which layers they hold', async () => {
      for (const page of operators) await joinByHand(page, server.url)
      for (const page of operators) {
        await expect(page.locator('html')).toHaveAttribute('data-status', 'serving')
        await expect(page.getByTestId('status-words')).toHaveText(
          new RegExp(`^You hold layers? \\d+(–\\d+)? of ${layers}\\.$`),
        )
        await expect(page.getByTestId('engine')).toHaveAttribute('data-engine', 'wasm')
        await expectToFitPhone(page, page.getByTestId('live-figures'))
      }
    })

    await test.step('a question asked by keyboard gets the reference’s answer, with figures', async () => {
      await chat.goto(`${server.url}/chat`)
      await expect(chat.getByTestId('ring')).toHaveAttribute('data-pool-status', 'ready')
      await chat.getByText(/^Sampling:/).click()
      await chat.getByTestId('sampling-temperature').fill('0')
      await say(chat, question)
      await expect(lastAnswer(chat)).toHaveAttribute('data-status', 'done')
      await expect(lastAnswer(chat).locator('p').first()).toHaveText(golden.text)
      await expect(chat.getByTestId('answer-figures')).toHaveText(
        new RegExp(`^${golden.completionTokens.length} tokens · [\\d.]+\\stokens/s · `),
      )
    })

    await test.step('the ring shows two arcs with measured times', async () => {
      const arcs = chat.getByTestId('ring').getByTestId(/^arc-/)
      await expect(arcs).toHaveCount(2)
      for (const arc of await arcs.all())
        await expect(arc).toHaveAttribute('aria-label', /engine wasm, .*[\d.]+\sm?s a step/)
    })

    await test.step('the live page fits a phone, and axe finds nothing serious', async () => {
      expect(await seriousFindings(chat)).toEqual([])
      await expectToFitPhone(chat, chat.locator('.ring-drawer'))
    })

    await test.step('Stop ends an answer that goes on, in the page and in the pool', async () => {
      const hold = holdAnswers(server.desk, 3)
      await say(chat, question)
      await expect(lastAnswer(chat)).toHaveAttribute('data-status', 'streaming')
      await expect(lastAnswer(chat).locator('p').first()).not.toHaveText('Waiting for the first token.')
      expect(server.desk.snapshot().activeRequests).toBe(1)
      await chat.getByTestId('stop').click()
      await expect(lastAnswer(chat)).toHaveAttribute('data-status', 'stopped')
      await expect(lastAnswer(chat)).toContainText('stopped')
      await expect.poll(() => server.desk.snapshot().activeRequests, { intervals: [20] }).toBe(0)
      // The answer's end was never heard: it is over because the page said so.
      hold.release()
    })

    const leaver = operators[1]
    await test.step('an operator who finishes first leaves after the answer under way, and not early', async () => {
      const peer = (await leaver.locator('html').getAttribute('data-peer'))!
      const hold = holdAnswers(server.desk, 3)
      await say(chat, question)
      await expect(lastAnswer(chat)).toHaveAttribute('data-status', 'streaming')
      await expect(lastAnswer(chat).locator('p').first()).not.toHaveText('Waiting for the first token.')
      await leaver.getByRole('button', { name: 'Finish answers, then stop' }).press('Enter')
      await expect(leaver.getByTestId('status-name')).toHaveText('Finishing')
      await expectToFitPhone(leaver, leaver.getByRole('button', { name: 'Stop now' }))
      expect(await seriousFindings(leaver)).toEqual([])
      await expect(leaver.locator('html')).toHaveAttribute('data-status', 'serving')
      hold.release()
      await expect(leaver.locator('html')).toHaveAttribute('data-status', 'idle')
      await expect(lastAnswer(chat)).toHaveAttribute('data-status', 'done')
      const standing = await fetch(`${server.url}/api/operators/${peer.slice(0, 42)}/standing`)
      expect(await standing.json()).toMatchObject({ leftEarly: 0 })
    })

    await test.step('without it the chat says what is missing, and so does a refusal', async () => {
      const notice = chat.getByTestId('layers-missing')
      // The other tab gave its slice back to be planned anew: nobody holds any layer.
      await expect(notice).toContainText(`Layers 0–${layers - 1} are missing. 1 of 2 tabs is here; open one more.`)
      await say(chat, question)
      const problem = lastAnswer(chat).getByTestId('answer-error')
      await expect(problem).toHaveAttribute('data-code', 'swarm_layers_missing')
      await expect(problem).toContainText(`Layers 0–${layers - 1} are missing. 1 of 2 tabs is here; open one more.`)
      await notice.getByRole('link').click()
      await expect(chat).toHaveURL(`${server.url}/operate`)
      await expect(chat.getByTestId('join')).toBeVisible()
    })
  } finally {
    for (const page of [...operators, chat]) await page.context().close()
    await server.close()
  }
})
