/** A pool for the tests of a file: a real orchestrator on an embedded chain of its own, with a ring of two native nodes. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { killChainWithUs } from '@computepool/contracts/testing'
import { createSimulatedProvider } from '@computepool/orchestrator/attestation/simulated-provider.ts'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { generatePrivateKey } from 'viem/accounts'
import { openNode } from '../../e2e/harness/native-peers.ts'
import { untilPoolReady } from '../../e2e/harness/until-pool-ready.ts'

export interface PaidPool {
  readonly url: string
  readonly orchestrator: RunningOrchestrator
  /** Ends the ring, and with it all answers. */
  leave(): Promise<void>
  close(): Promise<void>
}

/** The least cap lasts for two seconds, so that a test can spend it; one of ten cents for longer than any question here. */
const pricePerSecondAtomic = 5_000n

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
      attestation: createSimulatedProvider(generatePrivateKey()),
      money: { mode: 'paid', chain: { kind: 'embedded' }, dataDir, pricePerSecondAtomic },
    })
    closers.push(() => orchestrator.close())
    const { url } = orchestrator
    const nodes = await Promise.all([0, 1].map(() => openNode(url, { axl: null })))
    const leave = async (): Promise<void> => {
      await Promise.all(nodes.splice(0).map(node => node.leave()))
    }
    closers.push(leave)
    await Promise.all([untilPoolReady({ url, deadlineMs: 60_000 }), orchestrator.money?.ready])
    return { url, orchestrator, leave, close }
  } catch (error) {
    await close()
    throw error
  }
}
