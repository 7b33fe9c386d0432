/**
 * An auditor's vote as a run of its own organisation at a keeper: the workflow `cast-vote`, installed where it is missing, started once for
 * each vote however often it is asked for, and waited for. It believes the keeper nothing of the vote: that the chain is asked about.
 */
import { voteOrder } from '@computepool/orchestrator/coalition/coalition-orders.ts'
import {
  createKeeperHubClient,
  type KeeperHubClientOptions,
} from '@computepool/orchestrator/keeper/keeperhub-client.ts'
import { prepareWorkflow, workflowFiles } from '@computepool/orchestrator/keeper/prepare-workflows.ts'
import type { CoalitionPlace, VoteWord } from '@computepool/shared/coalition'
import { asComputePoolError } from '@computepool/shared/errors'
import { type Clock, isFinalKeeperStatus } from '@computepool/shared/ports'
import type { OwnKeeper } from '../auditor-votes.ts'

export type OwnKeeperOptions = Pick<KeeperHubClientOptions, 'baseUrl' | 'apiKey' | 'fetch'> & { readonly clock: Clock }

/** Of one call. Somebody else can carry the vote, and the time to vote is short. */
const deadlineMs = 15_000
/** In its own organisation, each a transaction that its wallet pays. Counted in this process alone. */
const mostRunsADay = 200
const dayMs = 86_400_000
/** One that was out of reach, or did not end, is left alone so long: other votes need not wait for it too. */
const asleepMs = 60_000

export function createOwnKeeper(options: OwnKeeperOptions): OwnKeeper {
  const { clock } = options
  const keeper = createKeeperHubClient({ ...options, deadlineMs })
  const installed = new Map<string, Promise<void>>()
  /** When which run was asked for first. */
  const begun = new Map<string, number>()
  let asleepUntilMs = Number.NEGATIVE_INFINITY

  function workflowAt({ chainId, coalition }: CoalitionPlace) {
    const deployment = { chainId, coalition, vault: coalition }
    const { definition } = prepareWorkflow('cast-vote', workflowFiles['cast-vote'], deployment)
    // Of several registries each has its own: the full name tells them apart.
    return { key: definition.workflow.name, definition }
  }
  async function install(workflow: ReturnType<typeof workflowAt>, signal: AbortSignal): Promise<void> {
    const known = installed.get(workflow.key) ?? keeper.install([workflow], signal)
    installed.set(workflow.key, known)
    await known.catch(thrown => {
      installed.delete(workflow.key)
      throw thrown
    })
  }

  /** False where there were too many. The same key is the same run, and costs nothing more. */
  function mayBegin(key: string): boolean {
    const nowMs = clock.monotonicMs()
    for (const [known, atMs] of begun) if (nowMs - atMs >= dayMs) begun.delete(known)
    if (begun.has(key)) return true
    if (begun.size >= mostRunsADay) return false
    begun.set(key, nowMs)
    return true
  }

  return {
    async cast(word, place, withinMs, signal) {
      if (clock.monotonicMs() < asleepUntilMs) return { kind: 'failed', why: 'it did not answer a moment ago' }
      const idempotencyKey = keyOf(word, place)
      if (!mayBegin(idempotencyKey)) return { kind: 'failed', why: `it had ${mostRunsADay} runs within a day` }
      const late = new AbortController()
      const cancelLate = clock.schedule(withinMs, () => late.abort())
      const patience = AbortSignal.any([signal, late.signal])
      const untilMs = clock.monotonicMs() + withinMs
      let executionId: string | null = null
      try {
        const workflow = workflowAt(place)
        await install(workflow, patience)
        const { input } = voteOrder(word)
        executionId = (await keeper.execute(workflow.key, input, { idempotencyKey, signal: patience })).executionId
        const run = await keeper.wait(executionId, Math.max(0, untilMs - clock.monotonicMs()), patience)
        if (isFinalKeeperStatus(run.status)) {
          const transactions = run.transactions.map(({ hash }) => hash)
          return { kind: 'ended', transactions, why: run.error ?? `the run ended as ${run.status}` }
        }
        late.abort()
        throw new Error('It did not end.')
      } catch (thrown) {
        signal.throwIfAborted()
        const { code, message } = asComputePoolError(thrown)
        if (late.signal.aborted || code === 'chain_keeper_unavailable') asleepUntilMs = clock.monotonicMs() + asleepMs
        if (!late.signal.aborted) return { kind: 'failed', why: message }
        // What it sent stays sent, and counts once; what it did not need not be paid for.
        if (executionId !== null) await keeper.cancel(executionId, signal).catch(() => {})
        const what = executionId === null ? 'it was not started' : `the run ${executionId} did not end`
        return { kind: 'failed', why: `${what} within ${Math.round(withinMs / 1000)} s` }
      } finally {
        cancelLate()
      }
    },
  }
}

/** One run for one vote, whatever process asks. */
const keyOf = ({ dispute, auditor }: VoteWord, { coalition }: CoalitionPlace): string =>
  `vote:${coalition}:${dispute}:${auditor.toLowerCase()}`
