import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NodeOutput, renderJson, renderText, resolveReference, UnresolvedReference } from './template.ts'

const outputs = new Map<string, NodeOutput>([
  [
    'trigger',
    { label: 'Trigger', data: { success: true, data: { id: '0xab', final: false, list: ['a', 'b"c'], none: null } } },
  ],
  ['read', { label: 'Read v1.2', data: { success: true, result: ['0x1', '0x2'], addressLink: '' } }],
  [
    'tuple',
    { label: 'Tuple', data: { success: true, result: { rate: '9007199254740993', rows: [{ x: 1 }, { x: [2, 3] }] } } },
  ],
  ['off', { label: 'Off', data: null }],
  ['__system', { label: 'System', data: { unixTimestamp: 1_767_225_600 } }],
])

describe('a reference', () => {
  it.each([
    ['@trigger:Trigger.id', '0xab'],
    ['@trigger:Trigger.data.id', '0xab'],
    ['@trigger:Another label.id', '0xab'],
    ['Trigger.id', '0xab'],
    ['trigger.data.id', '0xab'],
    ['$trigger.id', '0xab'],
    ['@trigger:Trigger.final', false],
    ['@trigger:Trigger.none', null],
    ['@trigger:Trigger.list[1]', 'b"c'],
    ['@read:Read v1.2.result', ['0x1', '0x2']],
    ['@tuple:Tuple.rate', '9007199254740993'],
    ['@tuple:Tuple.result.rows[1].x[0]', 2],
    ['@__system:System.unixTimestamp', 1_767_225_600],
  ])('%s is found', (reference, value) => {
    expect(resolveReference(reference, outputs)).toEqual({ isFound: true, value })
  })

  it.each([
    '@trigger:Trigger.nothing',
    '@trigger:Trigger.list[2]',
    '@trigger:Trigger.id.length',
    '@trigger:Trigger.constructor',
    '@trigger:Trigger.__proto__',
    '@nobody:Trigger.id',
    'Nobody.id',
    '$nobody.id',
    '@off:Off.x',
    '@off:Off',
    '@trigger',
    '',
  ])('%s leads nowhere, and what holds it is not performed', reference => {
    expect(resolveReference(reference, outputs)).toEqual({ isFound: false })
    if (reference !== '') expect(() => renderText(`a {{${reference}}} b`, outputs)).toThrow(UnresolvedReference)
  })
})

describe('a text', () => {
  it('takes values as they read', () => {
    expect(renderText('{{Trigger.id}}/{{@trigger:Trigger.final}}/{{Trigger.none}}/{{Trigger.list}}', outputs)).toBe(
      '0xab/false//["a","b\\"c"]',
    )
  })
})

describe('a text that is JSON', () => {
  it.each([
    ['["{{Trigger.id}}", {{@trigger:Trigger.list}}]', ['0xab', ['a', 'b"c']]],
    ['[["{{@trigger:Trigger.list[1]}}"]]', [['b"c']]],
    ['["{{@tuple:Tuple.rate}}", {{@tuple:Tuple.rate}}]', ['9007199254740993', '9007199254740993']],
    ['{"a {{Trigger.id}}": "x \\" {{Trigger.final}}"}', { 'a 0xab': 'x " false' }],
    ['{{@read:Read v1.2.result}}', ['0x1', '0x2']],
    ['[{{Trigger.none}}]', [null]],
  ])('%s stays JSON', (text, value) => {
    expect(JSON.parse(renderJson(text, outputs))).toEqual(value)
  })

  it('cannot be broken out of by any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        const given = new Map([['n', { label: 'N', data: { value, text } }]])
        const rendered = renderJson('{"inside": "{{@n:N.text}}", "beside": {{@n:N.value}}, "last": 1}', given)
        expect(JSON.parse(rendered)).toEqual(JSON.parse(JSON.stringify({ inside: text, beside: value, last: 1 })))
      }),
    )
  })
})
