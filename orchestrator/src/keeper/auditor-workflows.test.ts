/**
 * The auditors' workflow against a real Coalition on anvil: independent organisations vote, each with its own key and books, and the
 * keeper acts when the chain has their verdict, not before.
 */
import { testAccount } from '@computepool/contracts/testing'
import type { KeeperInput } from '@computepool/shared/ports'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CoalitionStage,
  type Home,
  type Key,
  lower,
  openCoalitionStage,
  type Scene,
  sentBy,
} from '../../testing/coalition-stage.ts'

const manyRunsMs = 240_000
const [open, guilty] = [0, 1]

let stage: CoalitionStage
beforeAll(async () => {
  stage = await openCoalitionStage()
}, 240_000)
afterAll(() => stage?.close())

describe('cast-vote', () => {
  const ballot = async (auditor: Key, dispute: bigint, isGuilty = true): Promise<KeeperInput> => {
    const { signature } = await stage.coalition.signedVote(auditor, dispute, isGuilty)
    return { dispute_id: String(dispute), is_guilty: isGuilty, auditor: lower(auditor), signature }
  }

  it('lets independent organisations decide, and the keeper act only then', { timeout: manyRunsMs }, async () => {
    const breach = await stage.accuse()
    const act = { dispute_id: String(breach.dispute), ...stage.unitsOrder(breach.honest), rates: [] }
    const organisations: Home[] = []
    try {
      for (const [at, auditor] of stage.coalition.auditors.entries()) {
        expect(await stage.run('handle-breach', act)).toMatchObject({
          status: 'success',
          transactions: at < 2 ? [] : [{}, {}],
        })
        const organisation = await stage.openHome(testAccount(`organisation ${at}`))
        organisations.push(organisation)
        const ran = await stage.run('cast-vote', await ballot(auditor, breach.dispute), organisation)
        expect(ran).toMatchObject({ status: 'success', error: null })
        // Two of three decide; a third finds nothing to do.
        expect(sentBy(ran)).toEqual(at < 2 ? ['Vote'] : [])
      }
    } finally {
      for (const organisation of organisations) await stage.closeHome(organisation)
    }
    expect(await stage.coalition.disputeOf(breach.dispute)).toMatchObject({
      guiltyVotes: 2,
      verdict: guilty,
      isSettled: true,
    })
  })

  it('counts once when it runs twice', async () => {
    const { dispute } = await stage.accuse()
    const [auditor] = stage.coalition.auditors as [Key]
    const input = await ballot(auditor, dispute)
    expect(sentBy(await stage.run('cast-vote', input))).toEqual(['Vote'])
    expect(await stage.run('cast-vote', input)).toMatchObject({ status: 'success', transactions: [] })
    expect(await stage.coalition.disputeOf(dispute)).toMatchObject({ guiltyVotes: 1, verdict: open })
  })

  it('is refused by name from whoever is no auditor', async () => {
    const { dispute } = await stage.accuse()
    const nobody = stage.chain.accounts.stranger
    const refused = await stage.run('cast-vote', await ballot(nobody, dispute))
    expect(refused).toMatchObject({ status: 'error', transactions: [] })
    expect(refused.error).toBe(`Vote: The contract refused: NotAuditor(${nobody.address})`)
  })

  it('is ended by the next process, wherever it was cut', { timeout: manyRunsMs }, async () => {
    const scene = async (): Promise<Scene> => {
      const { dispute } = await stage.accuse()
      const [auditor] = stage.coalition.auditors as [Key]
      return {
        input: await ballot(auditor, dispute),
        async check() {
          expect(await stage.coalition.disputeOf(dispute)).toMatchObject({ guiltyVotes: 1, verdict: open })
        },
      }
    }
    expect(await stage.killAtEveryNode('cast-vote', 1, scene)).toBe(7 + 1)
  })
})
