/** Holds a verdict to whose runs it came by: one for each vote, in its auditor's own organisation, from its own wallet, and the pool's keeper after them. */
import { organisationKeyOf } from '@computepool/orchestrator/keeper/index.ts'
import { readOrMakeSecrets } from '@computepool/orchestrator/payments/owner-secrets.ts'
import { activityRunsSchema, type DisputeView } from '@computepool/shared/money'
import type { Hex, PublicClient } from 'viem'
import { expect } from 'vitest'

export interface JudgedPool {
  readonly url: string
  /** Where its keys are. */
  readonly dataDir: string
  readonly chain: PublicClient
}

/** `settling`: the transaction by which the pool's keeper acted. */
export async function expectOwnRuns(
  { url, dataDir, chain }: JudgedPool,
  { onChain }: DisputeView,
  settling: Hex,
): Promise<void> {
  const votes = onChain!.votes!
  // As many as decide.
  expect(new Set(votes.map(({ auditor }) => auditor)).size).toBe(onChain!.quorum)
  const { signingSecret, ownerToken } = readOrMakeSecrets(dataDir)
  const ask = (key: string, what: string): Promise<Response> =>
    fetch(`${url}/api/${what}`, { headers: { authorization: `Bearer ${key}` } })
  const keyOf = (auditor: string): string => organisationKeyOf(signingSecret, `auditor ${auditor}`)
  const blockOf = async (hash: Hex): Promise<bigint> => (await chain.getTransactionReceipt({ hash })).blockNumber
  for (const { auditor, sender, by, isGuilty, transaction } of votes) {
    expect({ sender, by, isGuilty }).toEqual({ sender: auditor, by: 'own-keeper', isGuilty: true })
    const { from } = await chain.getTransaction({ hash: transaction as Hex })
    expect(from.toLowerCase()).toBe(auditor)
    const [workflow, ...more] = await (await ask(keyOf(auditor), 'keeper/workflows')).json()
    expect(more).toEqual([])
    expect(workflow.name).toContain('cast-vote')
    const runs = await (await ask(keyOf(auditor), `keeper/workflows/${workflow.id}/executions`)).json()
    expect(runs).toMatchObject([{ status: 'success', transactionHashes: [{ hash: transaction }] }])
    const others = [ownerToken, ...votes.filter(vote => vote.auditor !== auditor).map(vote => keyOf(vote.auditor))]
    for (const key of others)
      expect((await ask(key, `keeper/workflows/executions/${runs[0].id}/status`)).status).toBe(404)
    expect(await blockOf(transaction as Hex)).toBeLessThan(await blockOf(settling))
  }
  const { runs } = activityRunsSchema.parse(await (await ask(ownerToken, 'activity/runs')).json())
  const handled = runs.filter(({ transactionHashes }) => transactionHashes.includes(settling))
  expect(handled.map(({ workflow }) => workflow)).toEqual(['handle-breach'])
  expect(runs.map(({ workflow }) => workflow)).not.toContain('cast-vote')
}
