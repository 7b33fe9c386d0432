/** Checks of work as the desk has them: what the swarm knows of rings and peers, and the ways of an auditor into a ring. It judges nothing itself. */
import { auditorWays, bytesToAudit, isSeatJudged, livingCoalitions, type SwarmState } from '@computepool/shared/swarm'
import {
  type AuditDesk,
  type AuditDeskOptions,
  type AuditRing,
  createAuditDesk,
  createIdleChallenges,
  createStandbyChallenges,
  type IdleChallenges,
  type IdleChallengesOptions,
  type StandbyChallenges,
  type StandbyChallengesOptions,
} from '../audit/index.ts'
import type { CoalitionTeller } from './form-coalition.ts'
import type { RequestTable } from './request-table.ts'

/** What the desk's owner decides of checks. */
export type DeskAuditOptions = Omit<
  AuditDeskOptions,
  | 'clock'
  | 'entropy'
  | 'send'
  | 'manifestSha256'
  | 'rings'
  | 'attach'
  | 'engineOf'
  | 'bytesOf'
  | 'isJudged'
  | 'isQuiet'
  | 'rowBytes'
> &
  Pick<StandbyChallengesOptions, 'onChallenged' | 'onWrongSlice'>

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
    engineOf: peer => engineOf(state(), peer),
    isJudged: seat => isSeatJudged(state(), seat),
    bytesOf: layers => bytesToAudit(state(), layers),
  })
}

export type DeskChallengesOptions = Pick<IdleChallengesOptions, 'everyMs' | 'stopTokens'>

export interface DeskChallengesHost
  extends Omit<IdleChallengesOptions, keyof DeskChallengesOptions | 'requests' | 'runningOn' | 'audit'>,
    Pick<StandbyChallengesOptions, 'sessionKeyOf'> {
  readonly audit: AuditDesk | null
  readonly judgedBy: DeskAuditOptions | undefined
  readonly state: () => SwarmState
  readonly table: Pick<RequestTable, 'running' | 'queued' | 'runningOn'>
}

/** Challenges of idle rings, and of slices that are held without a seat: one of all at a time. */
export interface DeskChallenges extends Omit<IdleChallenges, 'view' | 'isActive'> {
  view(): ReturnType<IdleChallenges['view']> & ReturnType<StandbyChallenges['view']>
}

/** Null where nothing is checked, or nobody asks for it. */
export function createDeskChallenges(
  options: DeskChallengesOptions | null | undefined,
  { audit, judgedBy, table, state, sessionKeyOf, ...host }: DeskChallengesHost,
): DeskChallenges | null {
  if (audit === null || judgedBy === undefined || options == null) return null
  const requests = (): number => table.running() + table.queued()
  const idle = createIdleChallenges({ ...options, ...host, audit, requests, runningOn: table.runningOn })
  const { clock, entropy, send } = host
  const { isTrusted, isBanned, onChallenged, onWrongSlice, onFailing, onFailed } = judgedBy
  const standbys = createStandbyChallenges({
    ...{ clock, entropy, send, audit, sessionKeyOf, isTrusted, isBanned, onChallenged, onWrongSlice, onFailing },
    everyMs: options.everyMs,
    mostPositions: state().config.maxContext,
    onLazy: operator => onFailed(operator, 'lazy-audit'),
    quantisation: state().config.quantisation,
    rings: () => ringsOf(state()),
    engineOf: peer => engineOf(state(), peer),
    isBusy: () => requests() > 0 || idle.isActive(),
    onFree: idle.stir,
  })
  const stir = (): void => {
    idle.stir()
    standbys.stir()
  }
  return {
    stir,
    giveWay: () => {
      idle.giveWay()
      standbys.giveWay()
    },
    heard: (peer, request) => {
      idle.heard(peer, request)
      standbys.heard(peer, request)
    },
    settled: requestId => {
      const isOurs = idle.settled(requestId)
      // What was drawn of it goes first.
      standbys.stir()
      return isOurs
    },
    view: () => ({ ...idle.view(), ...standbys.view() }),
    close: () => {
      idle.close()
      standbys.close()
    },
  }
}

function engineOf({ peers }: SwarmState, peer: string) {
  const capability = peers[peer]?.capability ?? null
  return capability === null ? null : { kind: capability.engine, dtype: capability.activationDtype }
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
