import {
  type DeskRequest,
  deskRequestSchema,
  encodeFrame,
  type FrameHeader,
  hubRequestSchema,
  protocolVersion,
} from '@computepool/shared/wire'
import { createSignalingHub, type HubLink } from '@computepool/signaling'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { fakePeerId } from '../../testing/fake-tab.ts'
import { createTestPool } from '../../testing/test-pool.ts'

/** One hidden state of a small model, f16: far less than a prompt's worth. */
const hiddenBytes = 576 * 2

interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly maxLength?: number
  readonly maxItems?: number
  readonly items?: JsonSchema
  readonly prefixItems?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

/** Every schema inside `schema`, with the path that leads to it. */
function* walk(schema: JsonSchema, path = ''): Generator<readonly [string, JsonSchema]> {
  yield [path, schema]
  for (const [key, value] of Object.entries(schema.properties ?? {})) yield* walk(value, `${path}.${key}`)
  for (const inner of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.prefixItems ?? [])]) {
    const type = inner.properties?.type?.const
    yield* walk(inner, type === undefined ? path : `${path}${String(type)}`)
  }
  if (schema.items !== undefined) yield* walk(schema.items, `${path}[]`)
  if (typeof schema.additionalProperties === 'object') yield* walk(schema.additionalProperties, `${path}.*`)
}

describe('the orchestrator never sees an activation', () => {
  const schema = z.toJSONSchema(deskRequestSchema, { unrepresentable: 'any' }) as JsonSchema

  it('has no message with room for one: objects are closed, text and lists are capped', () => {
    const open = [...walk(schema)].filter(
      ([, part]) => part.properties !== undefined && part.additionalProperties !== false,
    )
    expect(open.map(([path]) => path)).toEqual([])
    const uncapped = [...walk(schema)].filter(
      ([, { type, const: fixed, enum: words, pattern, maxLength, maxItems, prefixItems }]) => {
        if (type === 'string')
          return fixed === undefined && words === undefined && pattern === undefined && maxLength === undefined
        return type === 'array' && maxItems === undefined && prefixItems === undefined
      },
    )
    expect(uncapped.map(([path]) => path)).toEqual([])
  })

  it('has no list of numbers as long as one hidden state', () => {
    const lists = [...walk(schema)].filter(([, part]) => part.type === 'array' && part.maxItems !== undefined)
    expect(lists.length).toBeGreaterThan(0)
    // The longest is a link to each of 63 seats and 8 standbys; a hidden state has hundreds of numbers.
    for (const [path, { maxItems }] of lists) expect([path, maxItems! <= 71]).toEqual([path, true])
  })

  it('refuses a hidden frame at its door, in whatever wrapping', () => {
    const header: FrameHeader = {
      request_id: 'r',
      kind: 'hidden',
      dtype: 'f16',
      shape: [1, 576],
      seq: 0,
      position: 0,
      epoch: 0,
    }
    const frame = encodeFrame({ header, payload: new Uint8Array(hiddenBytes) })
    const base64 = Buffer.from(frame).toString('base64')
    const token: DeskRequest = {
      type: 'token-generated',
      requestId: 'r',
      index: 0,
      sampled: { token: 1, logprob: null, topLogprobs: [] },
      lapMs: 1,
      trace: [],
    }
    const joined: DeskRequest = {
      type: 'peer-joined',
      version: protocolVersion,
      agent: 'test',
      role: 'relay',
      reach: { webrtc: true, axl: 'ab'.repeat(32) },
    }
    const members = [{ peer: fakePeerId(1), forwardedBytes: 1, refusedBytes: 0 }]
    const report: DeskRequest & { members: typeof members } = { type: 'relay-reported', epoch: 1, members }
    const attempts: unknown[] = [
      { type: 'desk', request: { ...token, hidden: base64 } },
      { type: 'desk', request: { ...token, requestId: base64 } },
      { type: 'desk', request: { ...token, sampled: { ...token.sampled, activation: [...frame] } } },
      { type: 'desk', request: { type: 'hidden', frame: base64 } },
      { type: 'desk', request: { ...joined, agent: base64 } },
      { type: 'desk', request: { ...joined, reach: { webrtc: true, axl: base64 } } },
      { type: 'desk', request: { ...joined, reach: { ...joined.reach, hidden: base64 } } },
      { type: 'desk', request: { ...report, members: [{ ...report.members[0], peer: base64 }] } },
      { type: 'desk', request: { ...report, members: [{ ...report.members[0], parcel: base64 }] } },
      { type: 'desk', request: { type: 'peer-draining', hidden: base64 } },
      { type: 'frame', frame: base64 },
      base64,
    ]
    // Each attempt differs from a message that passes by what it smuggles.
    for (const request of [token, joined, report, { type: 'peer-draining' }]) {
      expect(hubRequestSchema.safeParse({ type: 'desk', request }).success).toBe(true)
    }
    expect(attempts.map(attempt => hubRequestSchema.safeParse(attempt).success)).toEqual(attempts.map(() => false))
  })

  it('expels a peer that sends one through the real hub', () => {
    const sent: string[] = []
    const closed: number[] = []
    const heard: unknown[] = []
    let receive = (_text: string): void => {}
    const link: HubLink = {
      remoteAddress: 'test',
      send: text => sent.push(text),
      close: code => closed.push(code),
      onMessage: handler => {
        receive = handler
      },
      onClose: () => {},
    }
    const pool = createTestPool()
    const hub = createSignalingHub({
      clock: pool.clock,
      entropy: { bytes: length => new Uint8Array(length) },
      domain: { domain: 'test', uri: 'http://test', chainId: 1 },
      desk: { peerConnected: () => {}, peerGone: () => {}, peerRequest: (_, request) => heard.push(request) },
      verifySignature: async () => true,
    })
    hub.accept(link)
    receive(JSON.stringify({ type: 'desk', request: { type: 'hidden', frame: 'A'.repeat(hiddenBytes) } }))
    expect([closed.length, heard]).toEqual([1, []])
    expect(sent.at(-1)).toContain('peer_message_invalid')
    hub.close()
  })

  it('hears of each token less than a hidden state, whatever the prompt', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    void pool.chat({ messages: [{ role: 'user', content: 'x'.repeat(200) }] })
    const { requestId } = await entry!.nextJob()
    const before = pool.hub.receivedBytes()
    for (let index = 0; index < 20; index++) entry!.token(requestId, index, 50)
    entry!.finish(requestId, 'length', 40)
    const bytesPerToken = (pool.hub.receivedBytes() - before) / 20
    expect(bytesPerToken).toBeLessThan(hiddenBytes / 2)
    expect(entry!.peer).toBe(fakePeerId(1))
  })
})
