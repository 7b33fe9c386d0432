/**
 * `computepool node doctor`: tries each thing that serving needs, one after another, and says in plain words how it went. It joins
 * nothing, downloads nothing and makes no key.
 */
import { nodeChecks } from './node-checks.ts'
import type { NodeSettings } from './node-settings.ts'

export interface Finding {
  /** Stable: programs read it. */
  readonly check: string
  /** `missing` alone keeps the machine from serving. */
  readonly result: 'good' | 'note' | 'missing'
  /** In a sentence. */
  readonly says: string
  /** What to do; empty where nothing is. */
  readonly remedy: string
  readonly facts?: Readonly<Record<string, unknown>>
}

export interface DoctorHost {
  readonly json: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly write: (text: string) => void
}

const marks = { good: 'ok     ', note: 'note   ', missing: 'MISSING' } as const

/** The process's exit code: 1 where this machine cannot serve. */
export async function runDoctor(settings: NodeSettings, { json, env, write }: DoctorHost): Promise<number> {
  const missing: string[] = []
  for (const check of Object.values(nodeChecks)) {
    const finding = await check(settings, env)
    if (finding === null) continue
    if (finding.result === 'missing') missing.push(finding.check)
    if (json) write(`${JSON.stringify({ type: 'finding', ...finding })}\n`)
    else write(`${marks[finding.result]}  ${finding.says}\n${finding.remedy ? `         ${finding.remedy}\n` : ''}`)
  }
  const canServe = missing.length === 0
  if (json) write(`${JSON.stringify({ type: 'diagnosis', canServe, missing })}\n`)
  else write(canServe ? '\nThis machine can serve.\n' : `\nThis machine cannot serve yet: ${missing.join(', ')}.\n`)
  return canServe ? 0 : 1
}
