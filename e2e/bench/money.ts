/**
 * The money bench: what paying costs in time and gas. Orchestrators are processes of their own, chain, ledger and keeper are real; only
 * the tabs are not, so that nothing but the money takes time. Paid and free are asked in turn, so that this machine's noise hits both.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { tinyModel as model, writeTinyPack } from '../../orchestrator/testing/tiny-pack.ts'
import { openObedientRing } from '../harness/obedient-ring.ts'
import { forkOrchestrator, type OrchestratorProcess } from '../harness/orchestrator-process.ts'
import { createPayingClient } from '../harness/paying-client.ts'
import { type BenchReport, type BenchRow, benchRow } from './bench-report.ts'
import { measureCoalition } from './money-coalition.ts'
import { gasOf, measureStops } from './money-streams.ts'

const warmRounds = 10
const restRounds = 25
const askRounds = 100
const capAtomic = 1_000_000n

/** About two minutes on two cores. Errors: whatever a request or the chain raised; nothing is retried. */
export async function runMoneyBench(): Promise<BenchReport> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'computepool-bench-'))
  const closers: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const packDir = path.join(folder, 'pack')
    await writeTinyPack(packDir)
    const dataDir = path.join(folder, 'data')
    const start = async (order: Parameters<typeof forkOrchestrator>[0]): Promise<OrchestratorProcess> => {
      const started = await forkOrchestrator(order)
      closers.push(started.close)
      return started
    }
    console.error('Starting the paid orchestrator on a fresh folder, then again, then a free one …')
    const fresh = await start({ packDir, dataDir })
    await fresh.close()
    const paid = await start({ packDir, dataDir })
    const free = await start({ packDir })
    const rows: BenchRow[] = [
      benchRow('API answers, fresh folder', 's', [fresh.answersAfterMs / 1000]),
      benchRow('till is open, fresh folder', 's', [fresh.opensAfterMs / 1000]),
      benchRow('till is open, second start', 's', [paid.opensAfterMs / 1000]),
    ]
    const ring = await openObedientRing(paid.url, model)
    closers.push(ring.close)
    const freeRing = await openObedientRing(free.url, model)
    closers.push(freeRing.close)

    const payer = await createPayingClient(paid.url)
    await payer.askFaucet()
    console.error('Asking paid and free in turn …')
    const session = await payer.openSession(capAtomic)
    const turns: Turns = {
      paid: () => firstTokenMs(paid.url, session.token),
      free: () => firstTokenMs(free.url, null),
    }
    await inTurn(turns, warmRounds, async () => {})
    const atRest = await inTurn(turns, restRounds, async () => {
      // The last answer's stream has stopped on the chain, as when a person reads before asking on.
      await session.follow(({ rateWei, runningRequests }) => rateWei === 0n && runningRequests === 0)
    })
    const atOnce = await inTurn(turns, askRounds, async () => {})
    const { requests } = await session.close()
    const asked = warmRounds + restRounds + askRounds
    // A request that was answered and is not in the books would be work that nobody pays.
    if (requests.length !== asked) throw new Error(`The receipt tells ${requests.length} of ${asked} answers.`)
    rows.push(...firstTokenRows('one at a time', atRest), ...firstTokenRows('one upon the other', atOnce))

    console.error('Starting and stopping streams …')
    const stops = await measureStops(payer, ring)
    console.error('Fifty sessions at once …')
    const coalition = await measureCoalition(paid.url, ring)
    const receipts = [...stops.receipts, ...coalition.receipts]
    rows.push(...stops.rows, ...coalition.rows, ...(await gasOf(payer, receipts)))
    return { suite: 'money', device: `${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.cpus().length} cores`, rows }
  } finally {
    for (const close of closers.reverse()) await Promise.resolve(close()).catch(error => console.error(error))
  }
}

interface Turns {
  paid(): Promise<number>
  free(): Promise<number>
}

interface Samples {
  readonly paidMs: number[]
  readonly freeMs: number[]
}

async function inTurn({ paid, free }: Turns, rounds: number, settle: () => Promise<void>): Promise<Samples> {
  const samples: Samples = { paidMs: [], freeMs: [] }
  for (let round = 0; round < rounds; round++) {
    await settle()
    // Who goes first changes, so that neither always meets the other's leftovers.
    if (round % 2 === 0) samples.paidMs.push(await paid())
    samples.freeMs.push(await free())
    if (round % 2 === 1) samples.paidMs.push(await paid())
  }
  return samples
}

function firstTokenRows(how: string, { paidMs, freeMs }: Samples): BenchRow[] {
  const difference = paidMs.map((ms, at) => ms - freeMs[at]!)
  return [
    benchRow(`first token, ${how}: free`, 'ms', freeMs),
    benchRow(`first token, ${how}: paid`, 'ms', paidMs),
    benchRow(`first token, ${how}: paid less free`, 'ms', difference, { atMost: 10 }),
  ]
}

/** From the request's start to the first content on the stream, which is read to its end. */
async function firstTokenMs(url: string, token: string | null): Promise<number> {
  const startedMs = performance.now()
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], stream: true }),
  })
  if (!reply.ok) throw new Error(`The request was refused (${reply.status}): ${await reply.text()}`)
  const decoder = new TextDecoder()
  let text = ''
  let firstMs: number | null = null
  for await (const chunk of reply.body!) {
    text += decoder.decode(chunk, { stream: true })
    if (firstMs === null && /"content":"A/.test(text)) firstMs = performance.now() - startedMs
  }
  if (firstMs === null) throw new Error(`The answer held no token: ${text.slice(0, 300)}`)
  return firstMs
}
