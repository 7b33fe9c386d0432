/** Tabs that cheat, among tabs that do not, with auditors beside the pool: each is caught and out, the waiting tab takes its place, and answers are right. */
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { expect, type Page, test } from '@playwright/test'
import type { Cheat } from '../../web/testing/cheating-engine.ts'
import { followPeers } from '../harness/follow-peers.ts'
import { askGolden, demoPackDir as packDir, readTranscripts } from '../harness/golden-answers.ts'
import { openTabs } from '../harness/open-ring.ts'
import { type CheatingWorker, serveCheatingWorker } from '../harness/serve-cheating-worker.ts'

const transcripts = await readTranscripts()
/** Who is not caught by then is not caught. */
const mostAnswers = 20
const auditors = 3

let cheating: CheatingWorker
test.beforeAll(async () => {
  // The auditors' process takes its loaders from this one, whose own the test runner has set up inside.
  process.execArgv.push('--import', 'tsx')
  cheating = await serveCheatingWorker()
})

test.afterAll(() => cheating.close())

const walletOf = (peer: string): string => peer.slice(0, 42).toLowerCase()

interface Told {
  readonly weight: number
  readonly failed: number
  readonly changes: readonly { readonly reason: string }[]
}

async function standingOf({ url }: RunningOrchestrator, wallet: string): Promise<Told> {
  return (await fetch(`${url}/api/operators/${wallet}/standing`)).json()
}

/** No check is under way. */
function areChecksOver({ desk }: RunningOrchestrator): boolean {
  const { drawn, agreed, differs, withheld, unanswered, unjudged } = desk.snapshot().checks!
  return drawn === agreed + differs + withheld + unanswered + unjudged
}

for (const cheat of ['garbage', 'replayed', 'stale epoch'] satisfies Cheat[]) {
  test(`${cheat}: the tab is caught and out, a waiting tab takes its place`, async ({ browser }) => {
    const server = await startOrchestrator({ port: 0, packDir, minSeats: 2, maxSeats: 2, auditors })
    const peers = followPeers(server.desk)
    const auditing = Promise.all(Array.from({ length: auditors }, peers.next))
    const closers: (() => Promise<void>)[] = []
    const open = async (onPage?: (page: Page) => Promise<void>): Promise<string> => {
      const peer = peers.next()
      const { close } = await openTabs({
        ...{ url: server.url, peers: 1, engine: 'wasm', browser },
        ...(onPage === undefined ? {} : { onPage }),
      })
      closers.push(close)
      return walletOf(await peer)
    }
    const seated = (): string[] => server.desk.snapshot().seats.map(({ peer }) => walletOf(peer))
    try {
      // They sign in as tabs do: who comes after them is a tab.
      await auditing
      const cheater = await open(page => cheating.serveTo(page, cheat))
      const honest = [await open(), await open()]
      await peers.untilPrepared(3)
      expect(seated()).toContain(cheater)
      let answers = 0
      while ((await standingOf(server, cheater)).weight > 0) {
        expect(answers, 'answers until it is caught').toBeLessThan(mostAnswers)
        await askGolden(server.url, server.model, transcripts[answers++ % transcripts.length]!)
        await expect.poll(() => areChecksOver(server) || !seated().includes(cheater), { intervals: [50] }).toBe(true)
      }
      const { changes } = await standingOf(server, cheater)
      expect(changes[0]!.reason).toContain('A check computed your layers again and got something else')
      await expect.poll(() => seated().sort()).toEqual([...honest].sort())
      await peers.untilPrepared(2)
      for (const transcript of transcripts.slice(0, 2)) {
        const reply = await askGolden(server.url, server.model, transcript)
        expect(reply.choices[0]!.message.content).toBe(transcript.text)
        expect(reply.computepool.route).toHaveLength(2)
      }
      for (const wallet of honest) expect(await standingOf(server, wallet)).toMatchObject({ failed: 0 })
    } finally {
      for (const close of closers) await close()
      await server.close()
    }
  })
}
