import { expect, it } from 'vitest'
import { seatConfigOf } from '../../testing/seat-config-of.ts'
import { openPipelineState, openRequestState } from './pipeline-state.ts'
import { noteRows, noteSent, openChains, settleChains } from './request-chains.ts'

it('remembers earlier heads of what another seat may not have got, and none of an exit’s rows', () => {
  const config = { ...seatConfigOf(2), coalition: 'c' }
  const row = { dtype: 'f32' as const, hidden: 4, tokens: 1, data: new Uint8Array(16) }
  let chains = openChains(config, 'a', null)
  for (let position = 0; position < 300; position++) {
    const header = {
      request_id: 'a',
      kind: 'hidden' as const,
      dtype: 'f32' as const,
      shape: [1, 4],
      seq: position,
      position,
    }
    chains = noteSent(noteRows(chains, header, row), header, row)
  }
  const request = openRequestState({ config, requestId: 'a', nowMs: 0, entry: null })
  const state = { ...openPipelineState(config), requests: new Map([['a', { ...request, chains }]]) }
  const settled = settleChains(state).requests.get('a')!.chains!
  expect([settled.rows.steps, settled.rows.recent.length]).toEqual([300, 1])
  expect(settled.outgoing.recent.length).toBe(256)
  expect(settled.rows.head).toEqual(settled.outgoing.head)
})
