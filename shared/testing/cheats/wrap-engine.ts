/** What every cheat is made of: an engine whose outputs are somebody else's. It knows the port alone. */
import type { Activation, Engine, EngineOutput, EngineRow } from '../../src/ports/index.ts'

/** `engine` with another `run`. */
export function withRun(engine: Engine, run: Engine['run']): Engine {
  const { facts, layers, lost } = engine
  return {
    facts,
    layers,
    lost,
    run,
    drawFrom: request => engine.drawFrom(request),
    logitsOf: request => engine.logitsOf(request),
    forget: requestId => engine.forget(requestId),
    keep: requestId => engine.keep(requestId),
    memory: () => engine.memory(),
    close: () => engine.close(),
  }
}

export interface OutputChange {
  activation(honest: Activation, row: EngineRow): Activation
  /** The token instead of the honest one. */
  token(honest: number, row: EngineRow): number
  /** What an exit shows of its rows; its honest ones unless told otherwise. */
  rows?(honest: Activation, row: EngineRow): Activation
}

/** Which of a request's steps are cheated on, counted over all requests from 0; all unless told otherwise. */
export type WhichSteps = (step: number) => boolean

/** `engine`, with what comes out of it changed on the chosen steps. */
export function withOutputs(engine: Engine, change: OutputChange, which: WhichSteps = () => true): Engine {
  let steps = 0
  const rowsOf = ({ rows }: { rows?: Activation }, row: EngineRow) =>
    rows === undefined ? {} : { rows: change.rows?.(rows, row) ?? rows }
  const changed = (output: EngineOutput, row: EngineRow): EngineOutput => {
    switch (output.kind) {
      case 'activation':
        return { kind: 'activation', activation: change.activation(output.activation, row) }
      case 'token': {
        const sampled = { ...output.sampled, token: change.token(output.sampled.token, row) }
        return { kind: 'token', sampled, ...rowsOf(output, row) }
      }
      case 'tokens': {
        // The draft is not looked at: one token, as if its first guess had failed.
        const [first] = output.sampled
        const sampled = [{ ...first!, token: change.token(first!.token, row) }]
        return { kind: 'tokens', sampled, ...rowsOf(output, row) }
      }
      case 'none':
        return { kind: 'none', ...rowsOf(output, row) }
    }
  }
  return withRun(engine, async rows => {
    const outputs = await engine.run(rows)
    return outputs.map((output, i) => (which(steps++) ? changed(output, rows[i]!) : output))
  })
}

/** Two slices behind each other as one of `layers`. */
export function chainEngines(first: Engine, second: Engine, layers: Engine['layers']): Engine {
  const both = [first, second]
  const engine = withRun(first, async rows => {
    const middle = await first.run(rows.map(row => ({ ...row, sample: null, keepRows: false })))
    const handed = rows.map((row, i) => {
      const output = middle[i]!
      if (output.kind !== 'activation') throw new RangeError(`the first slice gave ${output.kind}`)
      return { ...row, input: { activation: output.activation } }
    })
    return second.run(handed)
  })
  return {
    ...engine,
    layers,
    drawFrom: request => second.drawFrom(request),
    logitsOf: request => second.logitsOf(request),
    facts: {
      ...first.facts,
      maxChunk: Math.min(first.facts.maxChunk, second.facts.maxChunk),
      maxRows: Math.min(first.facts.maxRows, second.facts.maxRows),
    },
    forget: requestId => both.forEach(each => void each.forget(requestId)),
    keep: requestId => both.forEach(each => void each.keep(requestId)),
    close: async () => void (await Promise.all(both.map(each => each.close()))),
  }
}
