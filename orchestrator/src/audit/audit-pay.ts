/**
 * What auditors have done of late that came out in line with what a replay shows, and what part of the pool's units that gives them. It knows wallets
 * and sums, no checks and no chain.
 */

export interface AuditPay {
  /** It computed so much (layers × positions) and was right, by the word of somebody vouched for. */
  earned(operator: string, work: number): void
  /** Most first; the same until a period is over, or somebody of it is not to be paid any more. Each change costs a transaction. */
  shares(): readonly AuditShare[]
}

export interface AuditShare {
  /** Lower case. */
  readonly operator: string
  /** Within the window. */
  readonly checks: number
  readonly units: number
}

export interface AuditPayOptions {
  readonly nowMs: () => number
  /** False for whoever was contradicted, or convicted: it gets nothing, whatever it did before. */
  readonly isPaid: (operator: string) => boolean
}

/**
 * A ring's own sum is 1,000 or little less: of both together this is about 2 %. So much compute do the checks of a seat that is no exit take; those of an
 * exit take several times as much of its own, and newcomers' more (docs/performance.md): they are paid no better.
 */
export const auditUnits = 20
const windowMs = 3_600_000
export const auditPeriodMs = 600_000
/** After the first check that counts: others may have been at work on the same answer. */
const firstPeriodMs = 60_000
/** Of the vault's 32 members. */
const mostPaid = 8
/** Wallets that are remembered; only those count at all whom somebody vouched for confirmed. */
const mostRemembered = 256

interface Done {
  readonly atMs: number
  readonly checks: number
  readonly work: number
}

export function createAuditPay({ nowMs, isPaid }: AuditPayOptions): AuditPay {
  /** By wallet, sums of one period each, the eldest first. */
  const done = new Map<string, Done[]>()
  let shares: readonly AuditShare[] = []
  let untilMs = Number.NEGATIVE_INFINITY

  const forgetOld = (): void => {
    for (const [operator, all] of done) {
      const left = all.filter(({ atMs }) => atMs > nowMs() - windowMs)
      if (left.length === 0) done.delete(operator)
      else done.set(operator, left)
    }
  }

  return {
    earned: (operator, work) => {
      const all = done.get(operator) ?? []
      const last = all.at(-1)
      const isSame = last !== undefined && nowMs() - last.atMs < auditPeriodMs
      const now = isSame ? all.pop()! : { atMs: nowMs(), checks: 0, work: 0 }
      all.push({ ...now, checks: now.checks + 1, work: now.work + work })
      done.delete(operator)
      done.set(operator, all)
      if (done.size > mostRemembered) done.delete(done.keys().next().value!)
      // Whoever is the first waits for no period.
      if (shares.length === 0) untilMs = nowMs()
    },
    shares: () => {
      if (nowMs() < untilMs && shares.every(({ operator }) => isPaid(operator))) return shares
      forgetOld()
      untilMs = nowMs() + (shares.length === 0 ? firstPeriodMs : auditPeriodMs)
      const paid = [...done].filter(([operator]) => isPaid(operator))
      const next = split(
        paid.map(([operator, all]) => ({
          operator,
          checks: all.reduce((sum, { checks }) => sum + checks, 0),
          work: all.reduce((sum, { work }) => sum + work, 0),
        })),
      )
      // Two that do as much would change places for ever.
      const unitsOf = new Map(shares.map(({ operator, units }) => [operator, units]))
      const isAlike = ({ operator, units }: AuditShare): boolean => Math.abs(units - (unitsOf.get(operator) ?? -9)) <= 1
      const isSame = next.length === shares.length && next.every(isAlike)
      shares = isSame ? next.map(share => ({ ...share, units: unitsOf.get(share.operator)! })) : next
      return shares
    },
  }
}

/** By work, each rounded down; what is left goes to the largest remainders. All of the units, or none where nobody did anything. */
function split(all: ReadonlyArray<{ operator: string; checks: number; work: number }>): AuditShare[] {
  const most = [...all].sort((a, b) => b.work - a.work || compare(a.operator, b.operator)).slice(0, mostPaid)
  const total = most.reduce((sum, { work }) => sum + work, 0)
  if (total <= 0) return []
  const parts = most.map(one => {
    const exact = (auditUnits * one.work) / total
    return { ...one, units: Math.floor(exact), rest: exact - Math.floor(exact) }
  })
  let left = auditUnits - parts.reduce((sum, { units }) => sum + units, 0)
  for (const part of [...parts].sort((a, b) => b.rest - a.rest || compare(a.operator, b.operator))) {
    if (left-- <= 0) break
    part.units += 1
  }
  return parts.filter(({ units }) => units > 0).map(({ operator, checks, units }) => ({ operator, checks, units }))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
