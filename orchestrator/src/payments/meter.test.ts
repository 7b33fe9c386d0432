import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import type { RequestOutcome } from '../dispatch/index.ts'
import { createMeter, type MeterBook, type MeteredRequest } from './meter.ts'

const session = { id: '0xs', capAtomic: 5000n, pricePerSecondAtomic: 1000n, settledAtomic: 0n }

function open(book: Partial<MeterBook> = {}) {
  const clock = createManualClock()
  const written: unknown[] = []
  const faults: unknown[] = []
  const meter = createMeter({
    clock,
    book: {
      requestStarted: async start => written.push(['started', start.requestId]),
      requestEnded: async end => written.push(['ended', end.requestId, end.meteredMs, end.outcome]),
      ...book,
    },
    onFault: fault => faults.push(fault),
  })
  /** A request as the desk runs it: what stops it ends it. */
  const run = (id: string, request: MeteredRequest) => {
    let isOver = false
    const end = (outcome: RequestOutcome): void => {
      if (isOver) return
      isOver = true
      request.observer.onEnded(id, { atMs: clock.monotonicMs(), tokens: 3, outcome })
    }
    request.attach({ cutShort: end })
    return {
      flow: () => request.observer.onFlowing(id, clock.monotonicMs()),
      token: () => request.observer.onToken(id, clock.monotonicMs()),
      end,
      isOver: () => isOver,
      request,
    }
  }
  return { clock, meter, written, faults, run, admit: (id: string) => run(id, meter.admit(session)) }
}

describe('the meter', () => {
  it('charges a silence that a token ends, as work, and counts it towards the cap before', async () => {
    const { clock, meter, admit } = open()
    const a = admit('a')
    a.flow()
    await clock.advance(3000)
    expect(meter.reading('0xs')?.spentAtomic).toBe(2000n)
    a.token()
    expect(meter.reading('0xs')?.spentAtomic).toBe(3000n)
    await clock.advance(1999)
    expect(a.isOver()).toBe(false)
    await clock.advance(1)
    expect([a.isOver(), a.request.payment().costAtomic, clock.pending]).toEqual([true, '5000', 0])
    const silent = open()
    const b = silent.admit('b')
    b.flow()
    await silent.clock.advance(5000)
    expect([b.isOver(), b.request.payment().costAtomic, silent.clock.pending]).toEqual([true, '5000', 0])
  })

  it('starts no clock for an answer that is over', async () => {
    const { clock, meter, written, admit } = open()
    const a = admit('a')
    a.flow()
    await clock.advance(100)
    a.end('stop')
    a.flow()
    a.token()
    await clock.advance(60_000)
    await a.request.over
    expect(a.request.payment().costAtomic).toBe('100')
    expect([written.length, meter.reading('0xs'), clock.pending]).toEqual([2, null, 0])
  })

  it('charges from the first activation to the end, down to the atomic unit', async () => {
    const { clock, meter, written, admit } = open()
    const a = admit('a')
    await clock.advance(700)
    a.flow()
    await clock.advance(1234)
    expect(meter.reading('0xs')).toEqual({ spentAtomic: 1234n, runningRequests: 1 })
    a.end('stop')
    await clock.advance(500)
    await a.request.over
    expect(a.request.payment()).toEqual({
      sessionId: '0xs',
      costAtomic: '1234',
      spentAtomic: '1234',
      refundableAtomic: '3766',
    })
    expect(written).toEqual([
      ['started', 'a'],
      ['ended', 'a', 1234, 'stop'],
    ])
  })

  it('keeps nothing of a session that has no room', () => {
    const { meter } = open()
    expect(() => meter.admit({ ...session, settledAtomic: 5000n })).toThrow(/is spent/)
    expect(meter.reading('0xs')).toBe(null)
  })

  it('costs nothing where no work was done', async () => {
    const { clock, meter, written, admit } = open()
    const [never, gone] = [admit('a'), admit('b')]
    await clock.advance(3000)
    never.end('failed')
    gone.request.abandon()
    await gone.request.over
    expect(written).toEqual([])
    expect(meter.reading('0xs')).toBe(null)
  })

  it('ends every request of a session the moment the cap is spent, and none of it is overdrawn', async () => {
    const { clock, meter, written, admit } = open()
    const [a, b] = [admit('a'), admit('b')]
    a.flow()
    await clock.advance(1000)
    b.flow()
    await clock.advance(1999)
    expect([a.isOver(), b.isOver()]).toEqual([false, false])
    await clock.advance(1)
    expect([a.isOver(), b.isOver()]).toEqual([true, true])
    await meter.stop('0xs')
    expect(written.slice(2)).toEqual([
      ['ended', 'a', 3000, 'cap'],
      ['ended', 'b', 2000, 'cap'],
    ])
    expect(clock.pending).toBe(0)
    expect(() => meter.admit(session)).toThrow(expect.objectContaining({ code: 'payment_session_closed' }))
  })

  it('sees at a token that the cap is spent, where the timer is late', async () => {
    const clock = createManualClock()
    const lazy = { ...clock, schedule: () => () => {} }
    const meter = createMeter({
      clock: lazy,
      book: { requestStarted: async () => {}, requestEnded: async () => {} },
      onFault: () => {},
    })
    const request = meter.admit(session)
    const cuts: number[] = []
    request.attach({ cutShort: () => cuts.push(clock.monotonicMs()) })
    request.observer.onFlowing('a', 0)
    await clock.advance(4990)
    request.observer.onToken('a', 4990)
    await clock.advance(20)
    request.observer.onToken('a', 5010)
    expect(cuts).toEqual([5010])
    request.observer.onEnded('a', { atMs: 5010, tokens: 2, outcome: 'cap' })
    expect(request.payment()).toMatchObject({ costAtomic: '5000', refundableAtomic: '0' })
  })

  it('lets 16 requests of a session in at once', () => {
    const { meter, admit } = open()
    const requests = Array.from({ length: 16 }, (_, index) => admit(`r${index}`))
    expect(() => meter.admit(session)).toThrow(expect.objectContaining({ code: 'payment_session_full' }))
    requests[3]!.end('stop')
    expect(() => admit('another')).not.toThrow()
  })

  it('stops what runs when a session closes, in the order that things happened', async () => {
    const { clock, meter, written, admit } = open()
    const a = admit('a')
    a.flow()
    await clock.advance(100)
    await meter.stop('0xs')
    expect(written).toEqual([
      ['started', 'a'],
      ['ended', 'a', 100, 'closed'],
    ])
    expect(() => meter.admit(session)).toThrow('being closed')
  })

  it('writes a reading again, in order, until the ledger has it', async () => {
    const landed: unknown[] = []
    let hiccups = 2
    const mayFail = async (entry: unknown): Promise<void> => {
      if (hiccups-- > 0) throw new Error('no database')
      landed.push(entry)
    }
    const { clock, faults, admit } = open({
      requestStarted: ({ requestId }) => mayFail(['started', requestId]),
      requestEnded: ({ requestId, meteredMs }) => mayFail(['ended', requestId, meteredMs]),
    })
    const [a, b] = [admit('a'), admit('b')]
    a.flow()
    b.flow()
    await clock.advance(10)
    a.end('stop')
    b.end('stop')
    expect(landed).toEqual([])
    await clock.advance(1000)
    await Promise.all([a.request.over, b.request.over])
    expect(landed).toEqual([
      ['started', 'a'],
      ['started', 'b'],
      ['ended', 'a', 10],
      ['ended', 'b', 10],
    ])
    expect(faults).toEqual([new Error('no database')])
    expect(clock.pending).toBe(0)
  })

  it('lets a reading go only when it is closed for good', async () => {
    const { clock, meter, faults, admit } = open({
      requestStarted: () => Promise.reject(new Error('no database')),
      requestEnded: () => Promise.reject(new Error('no database')),
    })
    const a = admit('a')
    a.flow()
    await clock.advance(3_600_000)
    a.end('stop')
    expect(meter.reading('0xs')).not.toBe(null)
    meter.close()
    await a.request.over
    expect([clock.pending, faults.length]).toEqual([0, 2])
  })

  it('does no work that the ledger refuses to book', async () => {
    const refusal = new ComputePoolError('payment_session_closed', 'The session is closed.')
    const { clock, written, faults, admit } = open({ requestStarted: () => Promise.reject(refusal) })
    const a = admit('a')
    a.flow()
    await clock.settle()
    expect(a.isOver()).toBe(true)
    await a.request.over
    expect(written).toEqual([['ended', 'a', 0, 'closed']])
    expect(faults).toEqual([refusal])
  })

  it('charges an answer that moved for its attempts, and nothing for the silence between them', async () => {
    const { clock, meter, written, admit } = open()
    const { request } = admit('a')
    const { observer } = request
    const ended = (id: string, outcome: RequestOutcome) =>
      observer.onEnded(id, { atMs: clock.monotonicMs(), tokens: 1, outcome })
    let isOver = false
    void request.over.then(() => {
      isOver = true
    })
    observer.onFlowing('a', clock.monotonicMs())
    await clock.advance(1000)
    ended('a', 'moved')
    await clock.advance(3000)
    expect(meter.reading('0xs')).toEqual({ spentAtomic: 1000n, runningRequests: 0 })
    expect(request.payment()).toMatchObject({ costAtomic: '1000' })
    // One that never flowed costs nothing.
    ended('a.2', 'moved')
    observer.onFlowing('a.3', clock.monotonicMs())
    await clock.advance(500)
    expect([isOver, request.payment().costAtomic]).toEqual([false, '1500'])
    ended('a.3', 'stop')
    await request.over
    expect(request.payment()).toMatchObject({ costAtomic: '1500', refundableAtomic: '3500' })
    expect(written).toEqual([
      ['started', 'a'],
      ['ended', 'a', 1000, 'moved'],
      ['started', 'a.3'],
      ['ended', 'a.3', 500, 'stop'],
    ])
    expect([meter.reading('0xs'), clock.pending]).toEqual([null, 0])
  })

  it('cuts an answer short that waits for another ring when others spend the cap, or the session closes', async () => {
    const { clock, meter, admit } = open()
    const [a, b] = [admit('a'), admit('b')]
    a.flow()
    await clock.advance(1000)
    a.request.observer.onEnded('a', { atMs: 1000, tokens: 1, outcome: 'moved' })
    b.flow()
    await clock.advance(3999)
    expect([a.isOver(), b.isOver()]).toEqual([false, false])
    await clock.advance(1)
    expect([a.isOver(), b.isOver()]).toEqual([true, true])
    expect(a.request.payment()).toMatchObject({ costAtomic: '1000', spentAtomic: '5000' })
    await Promise.all([a.request.over, b.request.over])
    const c = open()
    const moved = c.admit('c')
    moved.request.observer.onEnded('c', { atMs: 0, tokens: 0, outcome: 'moved' })
    await c.meter.stop('0xs')
    expect([moved.isOver(), meter.reading('0xs')]).toEqual([true, null])
  })
})
