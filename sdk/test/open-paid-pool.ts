/** A pool for the tests of a file: a real orchestrator on an embedded chain of its own, with a ring of two native nodes. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { killChainWithUs } from '@computepool/contracts/testing'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { openNode } from '../../e2e/harness/native-peers.ts'
import { untilPoolReady } from '../../e2e/harness/until-pool-ready.ts'

export interface PaidPool {
  readonly url: string
  readonly orchestrator: RunningOrchestrator
  close(): Promise<void>
}

export async function openPaidPool(): Promise<PaidPool> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-sdk-pool-'))
  killChainWithUs(dataDir)
  const closers: (() => Promise<unknown>)[] = [() => rm(dataDir, { recursive: true, force: true })]
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    const orchestrator = await startOrchestrator({
      port: 0,
      packDir: 'models/demo/pack',
      pageFolder: null,
      minSeats: 2,
      money: { mode: 'paid', chain: { kind: 'embedded' }, dataDir },
    })
    closers.push(() => orchestrator.close())
    const { url } = orchestrator
    const nodes = await Promise.all([0, 1].map(() => openNode(url, { axl: null })))
    closers.push(() => Promise.all(nodes.map(node => node.leave())))
    await Promise.all([untilPoolReady({ url, pages: [], deadlineMs: 60_000 }), orchestrator.money?.ready])
    return { url, orchestrator, close }
  } catch (error) {
    await close()
    throw error
  }
}
