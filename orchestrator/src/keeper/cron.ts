/**
 * Cron in five fields (minute, hour, day of month, month, day of week; `*`, lists, ranges, steps, names), in UTC. It tells when the
 * next turn is and knows nothing of timers. As in Vixie's cron, a day matches by either day field where both are restricted.
 */

export interface CronSchedule {
  /** The first whole minute after `afterMs` that matches, in milliseconds since 1970. Null where none does within eight years. */
  next(afterMs: number): number | null
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const fields = [
  { name: 'minute', least: 0, most: 59, words: [] },
  { name: 'hour', least: 0, most: 23, words: [] },
  { name: 'day of month', least: 1, most: 31, words: [] },
  { name: 'month', least: 1, most: 12, words: months },
  { name: 'day of week', least: 0, most: 7, words: days },
] as const
const shorthands: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
}
const minuteMs = 60_000
// Leap days come at most eight years apart.
const farthestDays = 8 * 366

/** Errors: a plain `Error` that names the field at fault. */
export function parseCron(expression: string): CronSchedule {
  const parts = (shorthands[expression.trim()] ?? expression).trim().split(/\s+/)
  if (parts.length !== fields.length) {
    throw new Error(`The schedule "${expression}" has ${parts.length} fields; a cron expression has ${fields.length}.`)
  }
  const [minutes, hours, monthDays, monthSet, weekDays] = fields.map((field, index) =>
    parseField(parts[index] ?? '', field),
  ) as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>]
  if (weekDays.has(7)) weekDays.add(0)
  const isAnyMonthDay = parts[2]?.startsWith('*') === true
  const isAnyWeekDay = parts[4]?.startsWith('*') === true

  const isDay = (at: Date): boolean => {
    if (!monthSet.has(at.getUTCMonth() + 1)) return false
    const [byMonth, byWeek] = [monthDays.has(at.getUTCDate()), weekDays.has(at.getUTCDay())]
    return isAnyMonthDay || isAnyWeekDay ? byMonth && byWeek : byMonth || byWeek
  }
  return {
    next(afterMs) {
      const first = new Date((Math.floor(afterMs / minuteMs) + 1) * minuteMs)
      const day = Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), first.getUTCDate())
      for (let ahead = 0; ahead <= farthestDays; ahead++) {
        const start = new Date(day + ahead * 86_400_000)
        if (!isDay(start)) continue
        for (const hour of ascending(hours)) {
          for (const minute of ascending(minutes)) {
            const at = start.getTime() + (hour * 60 + minute) * minuteMs
            if (at >= first.getTime()) return at
          }
        }
      }
      return null
    },
  }
}

const ascending = (numbers: Set<number>): number[] => [...numbers].sort((a, b) => a - b)

function parseField(text: string, { name, least, most, words }: (typeof fields)[number]): Set<number> {
  const wrong = (): Error => new Error(`"${text}" is no ${name} of a schedule (${least} to ${most}).`)
  const numberOf = (word: string): number => {
    const at = (words as readonly string[]).indexOf(word.toLowerCase())
    const number = at >= 0 ? at + least : /^\d+$/.test(word) ? Number(word) : Number.NaN
    if (!(number >= least && number <= most)) throw wrong()
    return number
  }
  const matching = new Set<number>()
  for (const item of text.split(',')) {
    const parsed = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(item)
    if (!parsed) throw wrong()
    const [, star, from, to, step] = parsed
    const start = star ? least : numberOf(from ?? '')
    const end = star || (step !== undefined && to === undefined) ? most : to === undefined ? start : numberOf(to)
    const every = step === undefined ? 1 : Number(step)
    if (every < 1 || end < start) throw wrong()
    for (let at = start; at <= end; at += every) matching.add(at)
  }
  return matching
}
