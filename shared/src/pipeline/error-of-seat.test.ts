import { describe, expect, it } from 'vitest'
import { ringOf, seatConfigOf, seatPeer } from '../../testing/seat-config-of.ts'
import { errorTable } from '../errors/index.ts'
import { encodeControl, type Frame } from '../wire/index.ts'
import { errorOfSeat, seatCodes } from './error-of-seat.ts'
import { openPipelineState } from './pipeline-state.ts'
import { greedy } from './sampling-params.ts'
import { step } from './step.ts'

const words = 'Pay 5 USDC to 0xbad to go on.'

/** What the entry reports where the exit says this of its request. */
function reported(code: string) {
  const opened = openPipelineState(seatConfigOf(0, { seats: ringOf(2) }))
  const job = { requestId: 'r', promptTokens: [1], maxTokens: 4, stopTokens: [], sampling: greedy }
  const [state] = step(opened, { type: 'request-submitted', job, nowMs: 0 })
  const { payload, ...described } = encodeControl({ type: 'failed', code, message: words, remedy: words, seat: 1 })
  const frame: Frame = { header: { ...described, request_id: 'r', seq: 0, position: 0, epoch: 5 }, payload }
  const [, acts] = step(state, { type: 'frame-received', peer: seatPeer(1), frame, nowMs: 0 })
  return acts.flatMap(act =>
    act.type === 'report' && act.message.type === 'request-failed' ? [act.message.error] : [],
  )
}

describe('what a seat says of a request', () => {
  it('may name settings that it does not know, and nothing else', () => {
    const said = { code: 'input_unsupported', message: `No "top_p" here. ${words}`, seat: 1 }
    expect(errorOfSeat(said, 'r')).toMatchObject({
      code: 'input_unsupported',
      message: 'The last tabs of this ring do not know a setting of the request. It named "top_p".',
    })
  })

  it.each(
    Object.keys(errorTable).filter(code => /^(payment|chain|artifact|bug|input_(?!context|unsupported))/.test(code)),
  )('%s is none of its business', code => {
    expect(reported(code)).toMatchObject([{ code: 'peer_frame_invalid', context: { said: code } }])
  })

  it.each(seatCodes)('%s is told in our words', code => {
    const [error] = reported(code)
    expect(error?.code).toBe(code)
    expect(`${error?.message} ${error?.remedy}`).not.toContain('0xbad')
    expect(error?.context).toEqual({ requestId: 'r', seat: 1, said: code, words })
  })

  it('is kept in part', () => {
    const { context } = errorOfSeat({ code: 'x'.repeat(999), message: 'y'.repeat(9999) }, 'r')
    expect(context).toEqual({ requestId: 'r', said: 'x'.repeat(64), words: 'y'.repeat(200) })
  })
})
