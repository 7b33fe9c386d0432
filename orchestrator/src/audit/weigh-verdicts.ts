/**
 * What follows from an auditor's accusation and what others made of its evidence. One voice a wallet. Auditors that the pool's owner vouches for
 * outweigh any number of others, for anybody may call itself an auditor; it knows no peers and no clock.
 */

export interface Voice {
  readonly operator: string
  readonly isTrusted: boolean
  /** `guilty`: of the accuser, and of whoever replayed the bundle and found the same. */
  readonly says: 'guilty' | 'innocent'
}

export interface Verdict {
  readonly verdict: 'guilty' | 'innocent' | 'open'
  /** Whose word was contradicted by what decided. */
  readonly falseWitnesses: readonly string[]
  /** Whose word it was, where somebody vouched for said it too. */
  readonly inLine: readonly string[]
}

/**
 * Guilty: more say so than not, of those who count, and where nobody is vouched for at least two. Nobody contradicting is enough for an
 * accuser that is vouched for. A tie is nobody's fault. `needsTrust`: somebody that is vouched for was there to ask, so others' words alone decide nothing.
 */
export function weighVerdicts(voices: readonly Voice[], needsTrust = false): Verdict {
  const trusted = voices.filter(({ isTrusted }) => isTrusted)
  if (needsTrust && trusted.length === 0) return undecided
  const counted = trusted.length > 0 ? trusted : voices
  const least = trusted.length > 0 ? 1 : 2
  const count = (says: Voice['says']) => counted.filter(voice => voice.says === says).length
  const [guilty, innocent] = [count('guilty'), count('innocent')]
  if (guilty === innocent || Math.max(guilty, innocent) < least) return undecided
  const verdict = guilty > innocent ? 'guilty' : 'innocent'
  // Two must have seen it otherwise: the replayable truth, and not one other's word.
  const isProven = Math.max(guilty, innocent) >= 2
  const falseWitnesses = isProven ? voices.filter(({ says }) => says !== verdict).map(({ operator }) => operator) : []
  // Strangers who agree with each other alone may all be one.
  const inLine = trusted.length > 0 ? voices.filter(({ says }) => says === verdict) : []
  return { verdict, falseWitnesses, inLine: inLine.map(({ operator }) => operator) }
}

const undecided: Verdict = { verdict: 'open', falseWitnesses: [], inLine: [] }

/** Whether so many more voices could still change the verdict. */
export function isSettled(voices: readonly Voice[], open: number): boolean {
  const trusted = voices.filter(({ isTrusted }) => isTrusted)
  const lead = trusted.reduce((sum, { says }) => sum + (says === 'guilty' ? 1 : -1), 0)
  return open === 0 || Math.abs(lead) > open
}
