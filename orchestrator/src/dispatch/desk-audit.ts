/** Checks of work as the desk has them: what the swarm knows of rings and peers, and the ways of an auditor into a ring. It judges nothing itself. */
import { auditorWays, bytesToAudit, livingCoalitions, type SwarmState } from '@computepool/shared/swarm'
import {
  type AuditDesk,
  type AuditDeskOptions,
  type AuditRing,
  createAuditDesk,
  createIdleChallenges,
  type IdleChallenges,
  type IdleChallengesOptions,
} from '../audit/index.ts'
import type { CoalitionTeller } from './form-coalition.ts'
import type { RequestTable } from './request-table.ts'

/** What the desk's owner decides of checks. */
export type DeskAuditOptions = Omit<
  AuditDeskOptions,
  'clock' | 'entropy' | 'send' | 'manifestSha256' | 'rings' | 'attach' | 'engineOf' | 'bytesOf' | 'isQuiet' | 'rowBytes'
>

export interface DeskAuditHost
  extends Pick<AuditDeskOptions, 'clock' | 'entropy' | 'send' | 'manifestSha256' | 'isQuiet' | 'rowBytes'> {
  readonly state: () => SwarmState
  readonly teller: Pick<CoalitionTeller, 'attach'>
}

export function createDeskAudit({ state, teller, ...host }: DeskAuditHost, options: DeskAuditOptions): AuditDesk {
  return createAuditDesk({
    ...options,
    ...host,
    rings: () => ringsOf(state()),
    attach: (auditor, epoch, layers, needs) => {
      const ways = auditorWays(state(), epoch, auditor, layers)
      if (ways === null || !needs.every(peer => ways.routes.some(route => route.peer === peer))) return false
      return teller.attach(auditor, epoch, layers, ways)
    },
    engineOf: peer => {
      const capability = state().peers[peer]?.capability ?? null
      return capability === null ? null : { kind: capability.engine, dtype: capability.activationDtype }
    },
    bytesOf: layers => bytesToAudit(state(), layers),
  })
}

export type DeskChallengesOptions = Pick<IdleChallengesOptions, 'everyMs' | 'stopTokens'>

export interface DeskChallengesHost
  extends Omit<IdleChallengesOptions, keyof DeskChallengesOptions | 'requests' | 'runningOn' | 'audit'> {
  readonly audit: AuditDesk | null
  readonly table: Pick<RequestTable, 'running' | 'queued' | 'runningOn'>
}

/** Null where nothing is checked, or nobody asks for it. */
export function createDeskChallenges(
  options: DeskChallengesOptions | null | undefined,
  { audit, table, ...host }: DeskChallengesHost,
): IdleChallenges | null {
  if (audit === null || options == null) return null
  const requests = (): number => table.running() + table.queued()
  return createIdleChallenges({ ...options, ...host, audit, requests, runningOn: table.runningOn })
}

/** Those whose links stand. */
function ringsOf(state: SwarmState): AuditRing[] {
  return livingCoalitions(state)
    .filter(({ status }) => status === 'ready')
    .map(({ epoch, seats, standbys }) => ({
      epoch,
      seats,
      standbys: standbys.map(({ peer, layers }) => {
        const known = state.peers[peer]
        const isReady = known?.phase === 'ready' && known.draining === 'no' && !known.isSilent
        return { peer, layers, isReady }
      }),
    }))
}
