import { describe, expect, it } from 'vitest'
import { createSentBook } from './index.ts'

const upTo = (end: number) => [{ start: 0, end }]
const numbersOf = (packets: readonly { number: number }[]): number[] => packets.map(({ number }) => number)

function openBook(count: number) {
  const book = createSentBook<string>()
  for (let number = 0; number < count; number += 1) book.add({ number, sentAtMs: number, content: `c${number}` })
  return book
}

describe('the sent book', () => {
  it('tells what arrived once, and the round trip of the latest', () => {
    const book = openBook(4)
    const first = book.acknowledge(upTo(3), 50, 40)
    expect(first.acked.map(({ content }) => content)).toEqual(['c0', 'c1', 'c2'])
    expect(first.sampleMs).toBe(48)
    expect(first.lost).toEqual([])
    expect(book.inFlight).toBe(1)
    const again = book.acknowledge(upTo(3), 60, 40)
    expect([again.acked, again.sampleMs]).toEqual([[], null])
  })

  it('gives up packets three behind one that arrived', () => {
    const book = openBook(5)
    const { lost } = book.acknowledge([{ start: 4, end: 5 }], 10, 40)
    expect(numbersOf(lost)).toEqual([0, 1])
    expect(book.inFlight).toBe(2)
  })

  it('gives up the others 9/8 of a round trip after they were sent', () => {
    const book = openBook(3)
    expect(book.acknowledge([{ start: 2, end: 3 }], 40, 40).lost).toEqual([])
    expect(book.lossAtMs).toBe(45)
    expect(numbersOf(book.takeLost(45, 40))).toEqual([0])
    expect(book.lossAtMs).toBe(46)
    expect(numbersOf(book.takeLost(46, 40))).toEqual([1])
    expect(book.lossAtMs).toBeNull()
  })

  it('never gives up what was sent after the last that arrived', () => {
    const book = openBook(10)
    book.acknowledge(upTo(2), 10, 1)
    expect(book.takeLost(10_000, 1)).toEqual([])
    expect(book.oldest?.number).toBe(2)
  })

  it('takes a lost packet’s late ack, and waits for more packets from then on', () => {
    const book = openBook(8)
    expect(numbersOf(book.acknowledge([{ start: 5, end: 6 }], 10, 40).lost)).toEqual([0, 1, 2])
    expect(numbersOf(book.acknowledge(upTo(3), 11, 40).acked)).toEqual([0, 1, 2])
    // Six behind was too few.
    for (let number = 8; number < 20; number += 1) book.add({ number, sentAtMs: 11, content: '' })
    const { lost } = book.acknowledge([{ start: 12, end: 13 }], 12, 40)
    expect(numbersOf(lost)).toEqual([3, 4, 6])
  })

  it('forgets all when it is cleared', () => {
    const book = openBook(8)
    book.acknowledge([{ start: 5, end: 6 }], 10, 40)
    book.clear()
    expect([book.inFlight, book.oldest, book.lossAtMs]).toEqual([0, null, null])
    expect(book.acknowledge(upTo(8), 11, 40).acked).toEqual([])
  })
})
