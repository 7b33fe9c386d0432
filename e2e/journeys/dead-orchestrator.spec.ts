/** kill -9 while an answer streams, and nobody starts it again: a stranger ends the session, and the payer lost the lease at most. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { streamVaultAbi, usdcAbi } from '@computepool/contracts/abi'
import { atomicToWei } from '@computepool/shared/money'
import { expect, test } from '@playwright/test'
import { createPublicClient, createTestClient, type Hex, http, parseEther, publicActions, walletActions } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { openObedientRing } from '../harness/obedient-ring.ts'
import { forkOrchestrator } from '../harness/orchestrator-process.ts'
import { createPayingClient, holdSession, receivedWei } from '../harness/paying-client.ts'
import { whatDoesNotAddUp } from '../src/add-up-money.ts'

const packDir = 'models/demo/pack'
const capAtomic = 2_000_000n
const priceAtomic = 10_000n
/** How late the stranger is. */
const lateSeconds = 17

test('a dead orchestrator costs a payer nothing beyond the lease', async () => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-dead-'))
  const order = { packDir, dataDir, pricePerSecondAtomic: priceAtomic }
  let orchestrator = await forkOrchestrator(order)
  let orphan: number | null = null
  try {
    const ring = await openObedientRing(orchestrator.url, 'computepool-demo')
    const payer = await createPayingClient(orchestrator.url)
    const { terms } = payer
    await payer.askFaucet()
    const startAtomic = await payer.usdcAtomic()
    const session = await payer.openSession(capAtomic)
    ring.hold()
    const answer = session
      .ask({ model: 'computepool-demo', messages: [{ role: 'user', content: 'Hi' }] })
      .then(reply => reply.text())
      .catch(() => 'cut off')
    await session.follow(({ rateWei }) => rateWei > 0n)
    await orchestrator.kill()
    expect(await answer).toBe('cut off')

    // The chain lives on; from here on only it is asked.
    const record = await readFile(path.join(dataDir, 'chain/anvil.json'), 'utf8')
    const { port, pid } = JSON.parse(record) as { readonly port: number; readonly pid: number }
    orphan = pid
    const stranger = privateKeyToAccount(generatePrivateKey())
    const chain = createTestClient({
      mode: 'anvil',
      account: stranger,
      transport: http(`http://127.0.0.1:${port}`),
      pollingInterval: 100,
      cacheTime: 0,
    })
      .extend(publicActions)
      .extend(walletActions)
    const reads = createPublicClient({ transport: http(`http://127.0.0.1:${port}`), cacheTime: 0 })
    await chain.setBalance({ address: stranger.address, value: parseEther('1') })
    const vault = { address: terms.vault as Hex, abi: streamVaultAbi } as const
    const usdcOf = (owner: Hex): Promise<bigint> =>
      chain.readContract({ address: terms.usdc as Hex, abi: usdcAbi, functionName: 'balanceOf', args: [owner] })
    const onChain = () => chain.readContract({ ...vault, functionName: 'session', args: [session.id] })
    const end = async (): Promise<void> => {
      const hash = await chain.writeContract({ ...vault, chain: null, functionName: 'end', args: [session.id] })
      expect((await chain.waitForTransactionReceipt({ hash })).status).toBe('success')
    }
    const live = await onChain()
    const [lastSet] = (
      await chain.getContractEvents({ ...vault, eventName: 'StreamSet', args: { id: session.id }, fromBlock: 0n })
    ).slice(-1)
    const { timestamp: setAt } = await chain.getBlock({ blockNumber: lastSet!.blockNumber })
    const leaseSeconds = live.leaseUntil - setAt
    expect(leaseSeconds).toBeGreaterThan(0n)
    expect(leaseSeconds).toBeLessThanOrEqual(BigInt(terms.leaseSeconds))
    const paidAtomic = live.dueAtomic + priceAtomic * leaseSeconds

    // Nobody but the payer may end it while the lease runs.
    await expect(end()).rejects.toThrow(/NotExpired/)
    await chain.setNextBlockTimestamp({ timestamp: live.leaseUntil + BigInt(lateSeconds) })
    await chain.mine({ blocks: 1 })
    await end()
    expect(await usdcOf(payer.address)).toBe(startAtomic - paidAtomic)
    expect(await onChain()).toMatchObject({ dueAtomic: paidAtomic, refundedAtomic: capAtomic - paidAtomic })
    expect(await chain.readContract({ ...vault, functionName: 'liveCount' })).toBe(0n)
    const netOwedWei = await chain.readContract({ ...vault, functionName: 'owedWei' })
    const advancedWei = netOwedWei < 0n ? -netOwedWei : 0n
    const owedWei = netOwedWei > 0n ? netOwedWei : 0n
    // The stranger's delay is the reserve's.
    expect(advancedWei).toBeGreaterThan((atomicToWei(priceAtomic) * BigInt(lateSeconds) * 99n) / 100n)
    const earnedWei = await Promise.all(ring.operators.map(operator => receivedWei({ chain: reads, terms }, operator)))
    const refundedAtomic = capAtomic - paidAtomic
    expect(whatDoesNotAddUp({ capAtomic, paidAtomic, refundedAtomic, earnedWei, advancedWei, owedWei })).toBe(null)

    await end()
    expect(await usdcOf(payer.address)).toBe(startAtomic - paidAtomic)

    // Whoever starts it again finds all of that, and charges nothing more.
    orchestrator = await forkOrchestrator(order)
    orphan = null
    const same = holdSession(orchestrator.url, session.id, session.token)
    await same.follow(({ status }) => status === 'closed')
    expect(await same.receipt()).toMatchObject({ paidAtomic, refundedAtomic })
    expect(await usdcOf(payer.address)).toBe(startAtomic - paidAtomic)
  } finally {
    await orchestrator.close()
    // Where the test failed between the two orchestrators, their chain is still there.
    if (orphan !== null) process.kill(orphan)
    await rm(dataDir, { recursive: true, force: true })
  }
})
