/**
 * A process that dies at its n-th step towards the outside: from then on neither its database nor its chain answers. What it had
 * written is there for the next one, as after kill -9.
 */
import { custom, type EIP1193RequestFn, type Transport } from 'viem'
import type { Database } from '../src/store/database.ts'

export interface KillSwitch {
  /** Steps taken so far. */
  readonly steps: number
  readonly isDead: boolean
  database(db: Database): Database
  transport(url: string): Transport
}

const killed = (): Error => new Error('The process was killed.')

export function createKillSwitch(afterSteps: number): KillSwitch {
  let steps = 0
  let isDead = false
  const step = (): void => {
    if (isDead) throw killed()
    steps++
  }
  // The step itself is done; whatever comes after it is not.
  const stepped = <T>(outcome: Promise<T>): Promise<T> =>
    outcome.then(value => {
      if (isDead) throw killed()
      if (steps >= afterSteps) {
        isDead = true
        throw killed()
      }
      return value
    })
  const guard = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, property) {
        const value = Reflect.get(object, property) as unknown
        if (property === 'then' && typeof value === 'function') {
          return (resolve: (value: unknown) => unknown, reject: (thrown: unknown) => unknown) =>
            Promise.resolve()
              .then(step)
              .then(() => stepped(new Promise((yes, no) => value.call(object, yes, no))))
              .then(resolve, reject)
        }
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          const result: unknown = value.apply(object, args)
          // Drizzle's builders pass themselves on until they are awaited.
          return typeof result === 'object' && result !== null && 'then' in result ? guard(result) : result
        }
      },
    })
  const database = (db: Database): Database =>
    new Proxy(db, {
      get(object, property) {
        if (property === 'transaction') {
          return (work: (tx: Database) => Promise<unknown>) =>
            Promise.resolve()
              .then(step)
              .then(() => stepped(object.transaction(work as never)))
        }
        const value = Reflect.get(object, property) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          const result: unknown = value.apply(object, args)
          return typeof result === 'object' && result !== null ? guardBuilder(result) : result
        }
      },
    })
  // `select()` is no promise yet, but what comes of `from` is.
  const guardBuilder = <T extends object>(builder: T): T => ('then' in builder ? guard(builder) : builderProxy(builder))
  const builderProxy = <T extends object>(builder: T): T =>
    new Proxy(builder, {
      get(object, property) {
        const value = Reflect.get(object, property) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          const result: unknown = value.apply(object, args)
          return typeof result === 'object' && result !== null ? guardBuilder(result) : result
        }
      },
    })
  return {
    get steps() {
      return steps
    },
    get isDead() {
      return isDead
    },
    database,
    transport: url =>
      custom(
        {
          request: (async ({ method, params }: { method: string; params?: unknown }) => {
            step()
            const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: params ?? [] })
            const answer = fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
            const { result, error } = (await stepped(answer.then(response => response.json()))) as {
              result?: unknown
              error?: { code: number; message: string; data?: unknown }
            }
            if (error) throw Object.assign(new Error(error.message), error)
            return result
          }) as EIP1193RequestFn,
        },
        { retryCount: 0 },
      ),
  }
}
