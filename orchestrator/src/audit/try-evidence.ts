/**
 * What others make of a bundle: up to two more auditors replay it, and their words are weighed with the accuser's. It knows one accusation, and tells nobody
 * what came of it but whoever asked.
 */
import type { LayerRange } from '@computepool/shared/model'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'
import type { Errand, Errands } from './errands.ts'
import { isSettled, type Verdict, type Voice, weighVerdicts } from './weigh-verdicts.ts'

type Judged = Extract<DeskRequest, { type: 'evidence-judged' }>

export interface Trial {
  /** What an auditor says of it; false where it was not asked, or not this. */
  heard(auditor: string, said: Judged): boolean
}

export interface TrialOptions {
  readonly errands: Errands
  readonly send: (peer: string, command: DeskCommand) => void
  /** An id that nobody has. */
  readonly drawId: () => string
  readonly isTrusted: (operator: string) => boolean
  /** Who may not judge: the accused and those beside it, and who may not see what the bundle holds. */
  readonly isBarred: (operator: string) => boolean
  /** Somebody that is vouched for is here who could judge, and is none of these: nobody else is asked as long. */
  readonly hasTrusted: (asked: ReadonlySet<string>) => boolean
  readonly layers: LayerRange
  readonly path: string
  readonly sha256: string
  /** Operators whose word is known: the accuser's, and who found otherwise before. */
  readonly before: ReadonlyArray<Pick<Voice, 'operator' | 'says'>>
  readonly onDecided: (verdict: Verdict) => void
}

const judges = 2
const judgeWithinMs = 120_000
const patienceMs = 30_000
/** For somebody that is vouched for and at work: a check, and a slice to load. */
const longPatienceMs = 480_000

export function openTrial(options: TrialOptions): Trial {
  const { errands, send, isTrusted, onDecided, layers, path, sha256 } = options
  const voices: Voice[] = options.before.map(voice => ({ ...voice, isTrusted: isTrusted(voice.operator) }))
  const asked = new Set(voices.map(({ operator }) => operator))
  let needsTrust = voices.some(({ isTrusted }) => isTrusted)
  const waitsForTrusted = (): boolean => {
    const waits = options.hasTrusted(asked)
    needsTrust ||= waits
    return waits
  }
  const asks = new Map<string, { readonly errand: Errand; readonly auditor: string }>()
  const errandsOpen = new Set<Errand>()
  let open = judges
  let isDecided = false

  const done = (): void => {
    open -= 1
    if (isDecided || !isSettled(voices, open)) return
    isDecided = true
    for (const [check, { auditor }] of asks) send(auditor, { type: 'drop-check', check })
    asks.clear()
    for (const errand of errandsOpen) errands.end(errand)
    onDecided(weighVerdicts(voices, needsTrust))
  }
  const ask = (): void => {
    if (isDecided) return
    let check = ''
    const errand: Errand = {
      layers,
      needs: [],
      isUrgent: true,
      patienceMs: waitsForTrusted() ? longPatienceMs : patienceMs,
      withinMs: judgeWithinMs + 5000,
      isBarred: operator =>
        asked.has(operator) || options.isBarred(operator) || (!isTrusted(operator) && waitsForTrusted()),
      begin: (auditor, epoch) => {
        check = options.drawId()
        asked.add(operatorOf(auditor))
        asks.set(check, { errand, auditor })
        const about = { check, epoch, layers, path, sha256 }
        send(auditor, { type: 'judge-evidence', ...about, withinMs: judgeWithinMs })
        if (!waitsForTrusted()) askSooner()
      },
      failed: auditor => {
        errandsOpen.delete(errand)
        asks.delete(check)
        asked.add(operatorOf(auditor))
        if (check !== '') send(auditor, { type: 'drop-check', check })
        ask()
      },
      dropped: () => {
        errandsOpen.delete(errand)
        done()
      },
    }
    errandsOpen.add(errand)
    errands.add(errand)
  }
  /** Nobody that is vouched for is left to wait for. */
  const askSooner = (): void => {
    for (const errand of [...errandsOpen].filter(each => errands.auditorOf(each) === null)) {
      errandsOpen.delete(errand)
      errands.end(errand)
      ask()
    }
  }
  for (let i = 0; i < judges; i++) ask()

  return {
    heard: (auditor, { check, verdict, sha256: about }) => {
      const found = asks.get(check)
      if (found === undefined || found.auditor !== auditor || about !== sha256) return false
      asks.delete(check)
      // A bundle that is unsound shows nothing of whom it accuses.
      const says = verdict === 'guilty' ? 'guilty' : verdict === 'innocent' || verdict === 'unsound' ? 'innocent' : null
      if (says !== null) {
        const operator = operatorOf(auditor)
        voices.push({ operator, isTrusted: isTrusted(operator), says })
      }
      errandsOpen.delete(found.errand)
      errands.end(found.errand)
      if (says === null) ask()
      else done()
      return true
    },
  }
}
