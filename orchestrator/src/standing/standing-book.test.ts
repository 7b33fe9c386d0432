import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newcomerWeight } from '@computepool/shared/standing'
import { createManualClock } from '@computepool/shared/testing'
import { deskCommandSchema } from '@computepool/shared/wire'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileStandingStore, createMemoryStandingStore, createStandingBook, type StandingStore } from './index.ts'

const dayMs = 86_400_000
const wallet = (digit: number | string): string => `0x${String(digit).padStart(40, '0')}`
const [good, cheat] = [wallet('a'), wallet('c')]

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'standing-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function openFile(clock = createManualClock(Date.UTC(2026, 0, 1))) {
  const faults: unknown[] = []
  const file = join(folder, 'data', 'standing.json')
  const store = createFileStandingStore({ file, clock, onFault: fault => faults.push(fault) })
  return { clock, faults, file, store, book: createStandingBook({ clock, store }) }
}

function openBook(options: { store?: StandingStore; mostWallets?: number } = {}) {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const changed: string[] = []
  const store = options.store ?? createMemoryStandingStore()
  const book = createStandingBook({ clock, onChange: operator => changed.push(operator), ...options, store })
  const check = (operator: string, times = 1): void => {
    for (let turn = 0; turn < times; turn++) book.note(operator, { type: 'checked', atMs: clock.wallMs() })
  }
  return { clock, book, changed, check }
}

describe('the book of standing', () => {
  it('takes whom it does not know for a newcomer, and keeps nothing of who merely asked', () => {
    const { book } = openBook()
    expect(book.weightOf(good)).toBeCloseTo(newcomerWeight)
    expect([book.checkRateOf(good, 0.61), book.isBanned(good), book.mayHoldText(good, true)]).toEqual([1, false, false])
    expect(book.weights()).toEqual({})
  })

  it('raises who is checked, and says each change, the newest first, as a message that a tab understands', () => {
    const { book, check, clock, changed } = openBook()
    check(good, 25)
    book.note(good, { type: 'left-early', atMs: clock.wallMs() })
    const told = book.told(good)
    expect(told.changes).toHaveLength(20)
    expect(told.changes[0]!.reason).toContain('You left a seat')
    expect(told.changes[1]!.reason).toContain('agreed')
    expect(told).toMatchObject({ checked: 25, leftEarly: 1, failed: 0, weight: book.weightOf(good) })
    expect(deskCommandSchema.safeParse({ type: 'standing-told', ...told }).success).toBe(true)
    expect(changed).toHaveLength(26)
    expect([book.mayHoldText(good, true), book.mayHoldText(good, false)]).toEqual([true, false])
  })

  it('tells time served once: it changes no weight', () => {
    const { book, clock, check } = openBook()
    for (let turn = 0; turn < 30; turn++) book.note(good, { type: 'served', seconds: 2, atMs: clock.wallMs() })
    expect([book.changesOf(good).length, book.of(good).served]).toEqual([1, 60])
    check(good)
    expect(book.changesOf(good).map(({ reason }) => reason.slice(0, 10))).toEqual(['A check co', 'You served'])
  })

  it('bans a convict for 60 days, whatever it did well', () => {
    const { book, clock, check } = openBook()
    check(cheat, 300)
    book.convict(cheat, 'wrong-output')
    check(cheat, 300)
    expect([book.isBanned(cheat), book.weightOf(cheat), book.weights()[cheat]]).toEqual([true, 0, 0])
    const at = clock.wallMs()
    const later = createStandingBook({
      clock: { wallMs: () => at + 61 * dayMs },
      store: createMemoryStandingStore(new Map([[cheat, recordOf(cheat)]])),
    })
    function recordOf(operator: string) {
      return { operator, standing: book.of(operator), changes: [], convictedAtMs: at, withheld: null }
    }
    return later.ready.then(() => {
      expect(later.isBanned(cheat)).toBe(false)
      expect(later.weightOf(cheat)).toBeGreaterThan(0)
    })
  })

  it('takes back a conviction of whom auditors found innocent, once', () => {
    const { book, check } = openBook()
    check(good, 40)
    const before = book.weightOf(good)
    book.convict(good, 'wrong-output')
    expect(book.isBanned(good)).toBe(true)
    book.acquit(good, 'wrong-output')
    book.acquit(good, 'wrong-output')
    expect(book.isBanned(good)).toBe(false)
    expect(book.weightOf(good)).toBeCloseTo(before)
    expect(book.changesOf(good).filter(({ reason }) => reason.includes('innocent of what'))).toHaveLength(1)
    book.acquit(cheat, 'withheld')
    expect(book.changesOf(cheat)).toEqual([])
  })

  it('takes back each of two convictions by its own evidence, and no more', () => {
    const { book, check } = openBook()
    check(good, 40)
    const before = book.weightOf(good)
    const [first, second] = ['1'.repeat(64), '2'.repeat(64)]
    for (const evidence of [first, second, second]) book.convict(good, 'wrong-output', evidence)
    expect(book.of(good).failed).toBeCloseTo(2)
    book.acquit(good, 'wrong-output', '3'.repeat(64))
    expect(book.of(good).failed).toBeCloseTo(2)
    book.acquit(good, 'wrong-output', first)
    book.acquit(good, 'wrong-output', first)
    expect([book.isBanned(good), book.of(good).failed]).toEqual([true, 1])
    book.acquit(good, 'wrong-output', second)
    expect([book.isBanned(good), book.weightOf(good)]).toEqual([false, before])
  })

  it('gives back of an old conviction what is left of it', async () => {
    const { book, clock } = openBook()
    book.convict(good, 'wrong-output', '1'.repeat(64))
    await clock.advance(60 * dayMs)
    book.convict(good, 'wrong-output', '2'.repeat(64))
    book.acquit(good, 'wrong-output', '1'.repeat(64))
    expect(book.of(good).failed).toBeCloseTo(1)
  })

  it('forgets no conviction for a crowd of new names, and whom it checked most last', () => {
    const { book, check, clock } = openBook({ mostWallets: 50 })
    book.convict(cheat, 'wrong-output')
    book.note(wallet('b'), { type: 'failed', what: 'withheld', atMs: clock.wallMs() })
    check(good, 40)
    for (let name = 1000; name < 1500; name++) {
      book.note(wallet(name), { type: 'served', seconds: 5000, atMs: clock.wallMs() })
      check(wallet(name), 3)
    }
    expect([book.isBanned(cheat), book.isBanned(wallet('b')), book.of(good).checked]).toEqual([true, true, 40])
    expect(Object.keys(book.weights())).toHaveLength(50)
    // Who comes last is judged like anybody else.
    expect(book.of(wallet(1499)).checked).toBe(3)
  })

  it('with more convicts than it holds, forgets who was caught longest ago', async () => {
    const { book, clock } = openBook({ mostWallets: 10 })
    book.convict(cheat, 'wrong-output')
    await clock.advance(dayMs)
    for (let name = 1; name <= 10; name++) book.convict(wallet(name), 'wrong-output')
    expect([book.isBanned(cheat), book.isBanned(wallet(1))]).toEqual([false, true])
  })
})

describe('the file of standings', () => {
  it('holds a conviction when that returns, and the rest two seconds later', async () => {
    const { book, file, clock } = openFile()
    await book.ready
    book.convict(cheat, 'wrong-output')
    // Killed here: nothing runs any more that had not yet.
    expect(openFile().book).toBeDefined()
    const killed = openFile()
    await killed.book.ready
    expect(killed.book.isBanned(cheat)).toBe(true)
    book.note(good, { type: 'checked', atMs: clock.wallMs() })
    expect(readFileSync(file, 'utf8')).not.toContain(good)
    await clock.advance(2000)
    await book.close()
    expect(readFileSync(file, 'utf8')).toContain(good)
    expect(clock.pending).toBe(0)
  })

  it('gives a restart what was, reasons and withheld units among it', async () => {
    const first = openFile()
    await first.book.ready
    for (let turn = 0; turn < 30; turn++) first.book.note(good, { type: 'checked', atMs: first.clock.wallMs() })
    first.book.withheld.set(cheat, { words: 'it gave no receipt.', given: 1 })
    await first.book.close()
    const second = openFile(first.clock)
    await second.book.ready
    expect(second.book.told(good)).toEqual(first.book.told(good))
    expect(second.book.withheld.of(cheat)).toEqual({ words: 'it gave no receipt.', given: 1 })
    expect(second.faults).toEqual([])
  })

  it('is not undone by an older write that ends later', async () => {
    const { book, clock, file } = openFile()
    await book.ready
    book.note(good, { type: 'checked', atMs: clock.wallMs() })
    // The ordinary write is under way when the conviction comes.
    const slow = clock.advance(2000)
    book.convict(cheat, 'wrong-output')
    await slow
    await book.close()
    expect(readFileSync(file, 'utf8')).toContain(cheat)
    const again = openFile(clock)
    await again.book.ready
    expect(again.book.isBanned(cheat)).toBe(true)
  })

  it('is put aside where it is none, and its sound records are kept', async () => {
    const first = openFile()
    await first.book.ready
    first.book.convict(cheat, 'withheld')
    const { records } = JSON.parse(readFileSync(first.file, 'utf8')) as { records: unknown[] }
    writeFileSync(first.file, JSON.stringify({ version: 1, records: [...records, { operator: 'nobody' }] }))
    const half = openFile()
    await half.book.ready
    expect([half.book.isBanned(cheat), half.faults.length]).toEqual([true, 1])
    writeFileSync(first.file, '{"version":1,"rec')
    const none = openFile()
    await none.book.ready
    expect(String(none.faults[0])).toContain('unreadable')
    none.book.convict(good, 'withheld')
    expect(readdirSync(join(folder, 'data')).sort()).toEqual(['standing.json', 'standing.json.unreadable'])
  })

  it('that cannot be written stops nobody', async () => {
    writeFileSync(join(folder, 'data'), 'a file where the folder should be')
    const { book, faults } = openFile()
    await book.ready
    book.convict(cheat, 'wrong-output')
    expect([book.isBanned(cheat), faults.length > 0]).toEqual([true, true])
  })

  it('that could not be written holds a conviction as soon as it can', async () => {
    writeFileSync(join(folder, 'data'), 'a file where the folder should be')
    const { book, clock } = openFile()
    await book.ready
    book.convict(cheat, 'wrong-output')
    rmSync(join(folder, 'data'))
    await clock.advance(30_000)
    await book.close()
    const again = openFile(clock)
    await again.book.ready
    expect(again.book.isBanned(cheat)).toBe(true)
  })
})
