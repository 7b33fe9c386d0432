import { sha256 } from '@noble/hashes/sha2.js'
import { expect, it } from 'vitest'
import { seatConfigOf } from '../../testing/seat-config-of.ts'
import {
  advance,
  createReceiptChain,
  headOf,
  linkOfFrame,
  linkOfText,
  linksOfTokens,
  sketchOf,
} from '../receipts/index.ts'
import { openPipelineState, openRequestState, type PipelineState } from './pipeline-state.ts'
import {
  noteDrawn,
  noteReceived,
  noteRows,
  noteSent,
  noteTold,
  openChains,
  type RequestChains,
  receiptOf,
  settleChains,
} from './request-chains.ts'
import { greedy } from './sampling-params.ts'

const nonce = 'ab'.repeat(32)
const config = { ...seatConfigOf(2), coalition: 'c' }
const headerAt = (position: number, rows = 1) => ({
  request_id: 'a',
  kind: 'hidden' as const,
  dtype: 'f32' as const,
  shape: [rows, 4],
  seq: position,
  position,
  ...(position % 3 === 0 ? { sample: true } : {}),
})
const rowsAt = (position: number, tokens = 1) => ({
  dtype: 'f32' as const,
  hidden: 4,
  tokens,
  data: new Uint8Array(16 * tokens).fill(position),
})

function stateOf(chains: RequestChains | null): PipelineState {
  const request = openRequestState({ config, requestId: 'a', nowMs: 0, entry: null })
  return { ...openPipelineState(config), requests: new Map([['a', { ...request, chains }]]) }
}

/** `steps` notes of each kind, with what `after` makes of the state behind each. */
function noteAll(steps: number, after: (state: PipelineState) => PipelineState = state => state): PipelineState {
  const job = { requestId: 'a', promptTokens: [4, 5], maxTokens: 9, stopTokens: [], sampling: greedy, speculate: false }
  let state = stateOf(openChains(config, 'a', job))
  for (let position = 0; position < steps; position++) {
    const row = rowsAt(position)
    let { chains } = state.requests.get('a')!
    chains = noteReceived(chains, headerAt(position), row.data)
    chains = noteSent(noteRows(chains, headerAt(position), row), headerAt(position), row)
    chains = noteTold(noteDrawn(chains, [position, 7]), [position])
    state = after(stateOf(chains))
  }
  return state
}

const said = (state: PipelineState, seat = 0) => receiptOf({ ...config, seat }, { ...state.requests.get('a')!, nonce })

it('says what chains say that are hashed link by link, whenever it hashes', () => {
  const begun = createReceiptChain({ coalition: 'c', epoch: config.epoch, requestId: 'a' })
  let [incoming, outgoing, rows] = [advance(begun, linkOfText([4, 5], 0)), begun, begun]
  for (let position = 0; position < 70; position++) {
    const frame = linkOfFrame(headerAt(position), rowsAt(position).data)
    const [first, second] = linksOfTokens([position, 7], 3 * position + 1)
    incoming = advance(advance(incoming, frame), linksOfTokens([position], 2 * position + 1)[0]!)
    outgoing = advance(advance(advance(outgoing, frame), first!), second!)
    rows = advance(rows, frame)
  }
  const expected = {
    ...{ inSteps: 1 + 70 + 70, inHead: headOf(incoming), outSteps: 3 * 70, outHead: headOf(outgoing) },
    ...{ rowSteps: 70, rowHead: headOf(rows), lastTokens: [69, 7], sketch: sketchOf(rowsAt(69), nonce) },
  }
  const [late, often] = [noteAll(70), noteAll(70, settleChains)]
  for (const seat of [0, 1]) {
    expect(said(late, seat)).toMatchObject(expected)
    expect(said(often, seat)).toEqual(said(late, seat))
  }
})

it('hashes nothing until much is noted, and then all of it: many links, large ones, or views of large ones', () => {
  const hashed: number[] = []
  const digest = (bytes: Uint8Array) => {
    hashed.push(bytes.length)
    return sha256(bytes)
  }
  let chains = openChains(config, 'a', null)
  for (let position = 0; position < 47; position++)
    chains = noteReceived(chains, headerAt(position), rowsAt(position).data)
  const few = stateOf(chains)
  expect(settleChains(few, digest)).toBe(few)
  expect(hashed).toEqual([])
  const many = settleChains(stateOf(noteReceived(chains, headerAt(47), rowsAt(47).data)), digest)
  expect(hashed.filter(length => length === 16)).toHaveLength(48)
  expect(many.requests.get('a')!.chains!.notes).toBeNull()
  hashed.length = 0
  const large = rowsAt(0, 1 << 14)
  settleChains(stateOf(noteReceived(openChains(config, 'a', null), headerAt(0, 1 << 14), large.data)), digest)
  expect(hashed[0]).toBe(large.data.length)
  hashed.length = 0
  const shared = new Uint8Array(1 << 18).subarray(16, 32)
  settleChains(stateOf(noteReceived(openChains(config, 'a', null), headerAt(0), shared)), digest)
  expect(hashed[0]).toBe(shared.length)
})

it('remembers earlier heads of what another seat may not have got, and none of an exit’s rows', () => {
  let chains = openChains(config, 'a', null)
  const header = (position: number) => ({ ...headerAt(position), sample: false })
  const row = rowsAt(1)
  for (let position = 0; position < 300; position++)
    chains = noteSent(noteRows(chains, header(position), row), header(position), row)
  const settled = settleChains(stateOf(chains)).requests.get('a')!.chains!.chains
  expect([settled.rows.steps, settled.rows.recent.length]).toEqual([300, 1])
  expect(settled.outgoing.recent.length).toBe(256)
  expect(settled.rows.head).toEqual(settled.outgoing.head)
})
