/** Tabs that are closed while they answer, with a standby beside the ring: the reader gets the reference's text, and nothing of the loss. */
import { startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, type Page, test } from '@playwright/test'
import { type FollowedPeers, followPeers } from '../harness/follow-peers.ts'
import { demoPackDir as packDir, readTranscripts, type Transcript } from '../harness/golden-answers.ts'
import { holdAnswers } from '../harness/hold-answers.ts'
import { openTabs } from '../harness/open-ring.ts'
import { streamAnswer } from '../harness/stream-answer.ts'

/** The desk hears so many tokens before the tab is closed. */
const tokensBefore = 6
/** The answer goes on after its golden end: the tabs are at work when one of them closes. */
const tokensAfter = 150
const endOfTurn = '2047'

const [transcript] = (await readTranscripts()) as [Transcript]

interface Tabs {
  open(): Promise<void>
  pageOf(peer: string): Page
}

function followTabs(peers: FollowedPeers, openOne: () => Promise<Page>): Tabs {
  const pages = new Map<string, Page>()
  return {
    async open() {
      const peer = peers.next()
      const page = await openOne()
      pages.set(await peer, page)
    },
    pageOf: peer => pages.get(peer)!,
  }
}

for (const { seats, victims } of [
  { seats: 2, victims: [1, 0] },
  { seats: 3, victims: [1] },
]) {
  test(`${seats} tabs and a standby: closing seat ${victims.join(', then ')} mid-answer changes nothing`, async ({
    browser,
  }) => {
    const server = await startOrchestrator({ port: 0, packDir, minSeats: seats, maxSeats: seats })
    const { url } = server
    const peers = followPeers(server.desk)
    const closers: (() => Promise<void>)[] = []
    const tabs = followTabs(peers, async () => {
      const { pages, close } = await openTabs({ url, peers: 1, engine: 'wasm', browser })
      closers.push(close)
      return pages[0]!
    })
    try {
      for (let tab = 0; tab < seats; tab++) await tabs.open()
      for (const victim of victims) {
        // The standby, or the one that takes the place of a standby that was needed.
        await tabs.open()
        await peers.untilPrepared(seats + 1)
        const { peer } = server.desk.snapshot().seats[victim]!
        const hold = holdAnswers(server.desk, tokensBefore)
        let begun = (): void => {}
        const hasBegun = new Promise<void>(resolve => {
          begun = resolve
        })
        const asked = streamAnswer({
          url,
          path: '/v1/chat/completions',
          body: {
            model: server.model,
            messages: transcript.messages,
            max_tokens: transcript.completionTokens.length + tokensAfter,
            logit_bias: { [endOfTurn]: -100 },
          },
          onPiece: begun,
        })
        await hasBegun
        const gone = peers.gone(peer)
        await tabs.pageOf(peer).context().close()
        await gone
        hold.release()
        const answer = await asked
        expect(answer.errorCode).toBeNull()
        expect(answer.text.slice(0, transcript.text.length)).toBe(transcript.text)
        expect(answer.completionTokens).toBe(transcript.completionTokens.length + tokensAfter)
        // Others hold the ring now.
        expect(server.desk.snapshot().seats.map(seat => seat.peer)).not.toContain(peer)
      }
      await expect.poll(() => server.desk.snapshot().activeRequests).toBe(0)
    } finally {
      for (const close of closers) await close()
      await server.close()
    }
  })
}
