import { describe, expect, it } from 'vitest'
import { evaluateCondition } from './condition.ts'

const outputs = new Map([
  [
    't',
    {
      label: 'T',
      data: { data: { final: true, url: '', wei: '9007199254740993', n: 3, list: ['a'], empty: [], half: 0.5 } },
    },
  ],
])

describe('a condition', () => {
  it.each<[string | boolean, boolean]>([
    [true, true],
    ['{{@t:T.final}} === true', true],
    ['{{@t:T.final}} === false', false],
    ['!{{@t:T.final}}', false],
    ['{{@t:T.url}} !== ""', false],
    ['{{@t:T.missing}} !== undefined', false],
    ['{{@t:T.missing}} !== undefined && {{@t:T.missing}} !== ""', false],
    ['{{@t:T.missing}} == null', true],
    ["{{@t:T.url}} == '' || false", true],
    ['{{@t:T.list}}.length > 0', true],
    ['{{@t:T.empty}}.length > 0', false],
    ['{{@t:T.missing}}.length > 0', false],
    ['{{@t:T.n}} >= 3 && {{@t:T.n}} < 4', true],
    ['{{@t:T.n}} === 3', true],
    ['{{@t:T.n}} === "3"', false],
    ['{{@t:T.n}} == "3"', true],
    // One more than the largest exact number: floats would call them equal.
    ['{{@t:T.wei}} > 9007199254740992', true],
    ['{{@t:T.wei}} == 9007199254740992', false],
    ['{{@t:T.half}} < 0.75', true],
    ['false && true || true', true],
    ['false && (true || true)', false],
    ['"a \\" b" == "a \\" b"', true],
    ['"b" > "a"', false],
  ])('%s is %s', (expression, value) => {
    expect(evaluateCondition(expression, outputs)).toBe(value)
  })

  it.each([
    '',
    '1 +',
    '(1 == 1',
    '1 == 1)',
    'process.exit()',
    '{{@t:T.list}}.constructor',
    '{{@t:T.n}} = 4',
    '"open',
    `${'true && '.repeat(400)}true`,
  ])('%s is refused', expression => {
    expect(() => evaluateCondition(expression, outputs)).toThrow(/cannot be read/)
  })
})
