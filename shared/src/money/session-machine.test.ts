import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requestCostAtomic } from './amounts.ts'
import {
  type ChainOrder,
  type MoneySession,
  type SessionEvent,
  sessionDueAtomic,
  stepSession,
} from './session-machine.ts'

const fresh = (changes: Partial<MoneySession> = {}): MoneySession => ({
  status: 'opening',
  origin: 'session',
  capAtomic: 10_000n,
  pricePerSecondAtomic: 1000n,
  settledAtomic: 0n,
  dueAtomic: null,
  refundedAtomic: null,
  epoch: 0,
  running: [],
  closeReason: null,
  ...changes,
})

const events: Record<string, SessionEvent> = {
  opened: { type: 'opened' },
  refused: { type: 'refused', reason: 'no money' },
  start: { type: 'request-started', requestId: 'b' },
  end: { type: 'request-ended', requestId: 'a', meteredMs: 1000, tokens: 1, stoppedBy: 'stop' },
  renew: { type: 'target-renewed', why: 'lease' },
  close: { type: 'close-wanted', reason: 'asked' },
  closed: { type: 'closed', dueAtomic: 0n, refundedAtomic: 10_000n },
}

const running = [{ requestId: 'a', meteredMs: 0 }]
const starts: MoneySession[] = [
  fresh(),
  fresh({ status: 'open' }),
  fresh({ status: 'streaming', running }),
  fresh({ status: 'closing', closeReason: 'asked' }),
  fresh({ status: 'closing', closeReason: 'asked', running }),
  fresh({ status: 'closed', closeReason: 'asked', dueAtomic: 0n, refundedAtomic: 10_000n }),
  fresh({ status: 'refused', closeReason: 'no money' }),
]

function outcome(session: MoneySession, event: SessionEvent): string {
  try {
    const { session: next, orders, isNews } = stepSession(session, event)
    if (!isNews) return '='
    return [next.status, ...orders.map(order => (order.kind === 'set' ? `set ${order.rateAtomic}` : 'close'))].join(
      ', ',
    )
  } catch (cause) {
    return (cause as { code: string }).code
  }
}

describe('stepSession', () => {
  it('has this table', () => {
    const name = (session: MoneySession) => `${session.status}${session.running.length > 0 ? '*' : ''}`
    const table = Object.fromEntries(
      starts.map(session => [
        name(session),
        Object.fromEntries(Object.entries(events).map(([key, event]) => [key, outcome(session, event)])),
      ]),
    )
    expect(table).toEqual({
      opening: {
        opened: 'open',
        refused: 'refused',
        start: 'payment_session_opening',
        end: '=',
        renew: '=',
        close: 'opening',
        closed: 'bug_unreachable_state',
      },
      open: {
        opened: '=',
        refused: 'bug_unreachable_state',
        start: 'streaming, set 1000',
        end: '=',
        renew: 'open, set 0',
        close: 'closing, close',
        closed: 'closed',
      },
      'streaming*': {
        opened: '=',
        refused: 'bug_unreachable_state',
        start: 'streaming, set 2000',
        end: 'open, set 0',
        renew: 'streaming, set 1000',
        close: 'closing',
        closed: 'closed',
      },
      closing: {
        opened: '=',
        refused: 'bug_unreachable_state',
        start: 'payment_session_closed',
        end: '=',
        renew: 'closing, close',
        close: '=',
        closed: 'closed',
      },
      'closing*': {
        opened: '=',
        refused: 'bug_unreachable_state',
        start: 'payment_session_closed',
        end: 'closing, close',
        renew: 'closing, set 1000',
        close: '=',
        closed: 'closed',
      },
      closed: {
        opened: '=',
        refused: 'bug_unreachable_state',
        start: 'payment_session_closed',
        end: '=',
        renew: '=',
        close: '=',
        closed: '=',
      },
      refused: {
        opened: 'bug_unreachable_state',
        refused: '=',
        start: 'payment_session_closed',
        end: '=',
        renew: '=',
        close: '=',
        closed: 'bug_unreachable_state',
      },
    })
  })

  it('closes at once what was unwanted before it opened', () => {
    const unwanted = stepSession(fresh(), { type: 'close-wanted', reason: 'gone' }).session
    expect(outcome(unwanted, { type: 'opened' })).toBe('closing, close')
  })

  it('takes 16 requests and not one more', () => {
    const full = fresh({
      status: 'streaming',
      running: Array.from({ length: 16 }, (_, at) => ({ requestId: `r${at}`, meteredMs: 0 })),
    })
    expect(outcome(full, { type: 'request-started', requestId: 'r3' })).toBe('=')
    expect(outcome(full, { type: 'request-started', requestId: 'r16' })).toBe('payment_session_full')
  })

  it('never owes less than it has told the chain', () => {
    const told = stepSession(fresh({ status: 'streaming', running: [{ requestId: 'a', meteredMs: 3000 }] }), {
      type: 'target-renewed',
      why: 'lease',
    })
    expect(told.orders[0]!.dueAtomic).toBe(3000n)
    const end = { type: 'request-ended', requestId: 'a', meteredMs: 2900, tokens: 1, stoppedBy: 'stop' } as const
    expect(stepSession(told.session, end)).toMatchObject({ costAtomic: 3000n, orders: [{ dueAtomic: 3000n }] })
  })

  it('charges nothing more once the chain has closed it', () => {
    const cut = stepSession(fresh({ status: 'streaming', running }), {
      type: 'closed',
      dueAtomic: 700n,
      refundedAtomic: 9300n,
    })
    const ended = stepSession(cut.session, {
      type: 'request-ended',
      requestId: 'a',
      meteredMs: 5000,
      tokens: 1,
      stoppedBy: 'x',
    })
    expect(ended.costAtomic).toBe(700n)
    expect(sessionDueAtomic(ended.session)).toBe(700n)
  })
})

/** A random life: commands, and time that passes for what runs. */
const command = fc.oneof(
  fc.record({ do: fc.constant('start' as const), id: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    do: fc.constant('end' as const),
    id: fc.integer({ min: 0, max: 4 }),
    lag: fc.integer({ min: -50, max: 50 }),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 4000 }) }),
  fc.record({ do: fc.constantFrom('close' as const, 'closed' as const) }),
  fc.record({ do: fc.constantFrom('opened' as const, 'renew' as const, 'renew' as const) }),
)

describe('any life of a session', () => {
  it('keeps Σ costs = due ≤ cap, due and epochs that only grow, and ends the stream', () => {
    fc.assert(
      fc.property(
        fc.array(command, { minLength: 10, maxLength: 60 }),
        fc.bigInt({ min: 1n, max: 200_000n }),
        fc.bigInt({ min: 0n, max: 30_000n }),
        fc.constantFrom('session' as const, 'request' as const),
        (commands, capAtomic, pricePerSecondAtomic, origin) => {
          let session = fresh({ origin, capAtomic, pricePerSecondAtomic })
          let told = 0n
          let lastOrder = null as ChainOrder | null
          const costs: bigint[] = []
          const take = (event: SessionEvent): void => {
            let step: ReturnType<typeof stepSession>
            try {
              step = stepSession(session, event)
            } catch (cause) {
              expect((cause as { code: string }).code).toMatch(/^payment_/)
              return
            }
            if (event.type === 'request-ended' && step.isNews) costs.push(step.costAtomic)
            for (const order of step.orders) {
              expect(order.epoch).toBe(session.epoch + 1)
              expect(order.dueAtomic).toBeGreaterThanOrEqual(told)
              expect(order.dueAtomic).toBeLessThanOrEqual(capAtomic)
              told = order.dueAtomic
              lastOrder = order
            }
            session = step.session
          }
          for (const each of commands) {
            if (each.do === 'start') take({ type: 'request-started', requestId: `r${each.id}` })
            else if (each.do === 'end') {
              const request = session.running.find(({ requestId }) => requestId === `r${each.id}`)
              const meteredMs = Math.max(0, (request?.meteredMs ?? 0) + each.lag)
              const stoppedBy = each.lag % 2 === 0 ? 'stop' : 'moved'
              take({ type: 'request-ended', requestId: `r${each.id}`, meteredMs, tokens: 1, stoppedBy })
            } else if (each.do === 'wait') {
              const later = session.running.map(request => ({ ...request, meteredMs: request.meteredMs + each.ms }))
              session = { ...session, running: later }
            } else if (each.do === 'closed') {
              // The chain closes only what was ordered to close.
              if (lastOrder?.kind === 'close')
                take({ type: 'closed', dueAtomic: told, refundedAtomic: capAtomic - told })
            } else if (each.do === 'opened') take({ type: 'opened' })
            else if (each.do === 'close') take({ type: 'close-wanted', reason: 'asked' })
            else take({ type: 'target-renewed', why: 'lease' })
          }
          for (const { requestId, meteredMs } of [...session.running]) {
            take({ type: 'request-ended', requestId, meteredMs, tokens: 0, stoppedBy: 'end' })
          }
          const sum = costs.reduce((total, cost) => total + cost, 0n)
          expect(sum).toBe(sessionDueAtomic(session))
          expect(sum).toBeLessThanOrEqual(capAtomic)
          // The last word to the chain is the whole sum, and no stream is left.
          if (lastOrder !== null) {
            expect(lastOrder.dueAtomic).toBe(sum)
            if (lastOrder.kind === 'set') expect(lastOrder).toMatchObject({ rateAtomic: 0n })
          }
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('costs price × time of each request, rounded down', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 9n }), fc.nat(10_000_000), (price, ms) => {
        const open = fresh({ capAtomic: 10n ** 18n, pricePerSecondAtomic: price, status: 'streaming', running })
        const { costAtomic } = stepSession(open, {
          type: 'request-ended',
          requestId: 'a',
          meteredMs: ms,
          tokens: 0,
          stoppedBy: 'stop',
        })
        expect(costAtomic).toBe(requestCostAtomic(price, BigInt(ms)))
        expect(costAtomic * 1000n).toBeLessThanOrEqual(price * BigInt(ms))
        expect((costAtomic + 1n) * 1000n).toBeGreaterThan(price * BigInt(ms))
      }),
    )
  })
})
