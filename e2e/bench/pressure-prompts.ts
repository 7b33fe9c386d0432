/** The pressure bench's second part: a long prompt beside a request that decodes, and the second turn of a long conversation. */
import path from 'node:path'
import { median } from '../harness/median.ts'
import { gapsMs, type StreamedAnswer, streamAnswer } from '../harness/stream-answer.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import type { PressureSetting } from './pressure.ts'
import { type NodeRing, withNodeRing } from './with-node-ring.ts'

const stages = 2
const longPrompt = 2048
const conversationTokens = 2000
/** Pieces of the decoding answer before the long prompt comes, and after it: what it takes alone, with a short context and with a long one. */
const aloneTokens = 40

export async function measurePrompts({ packDir, folder, isQuick }: PressureSetting): Promise<BenchRow[]> {
  return withNodeRing({ packDir, dataDir: path.join(folder, 'prompts'), stages }, async ring => {
    await ask(ring, '/v1/completions', { prompt: [1, 2, 3], max_tokens: 8 })
    return [...(await besideLongPrompt(ring, isQuick ? 1 : 3)), ...(await secondTurn(ring, isQuick ? 1 : 5))]
  })
}

interface Extras {
  readonly onPiece?: (pieces: number) => void
  readonly signal?: AbortSignal
}

async function ask(
  { url, model }: NodeRing,
  endpoint: string,
  body: object,
  extras: Extras = {},
): Promise<StreamedAnswer> {
  const answer = await streamAnswer({ url, path: endpoint, body: { model, ...body }, ...extras })
  if (answer.errorCode !== null) throw new Error(`An answer ended with ${answer.errorCode}`)
  return answer
}

/**
 * Gaps between tokens while another request's prompt is read, over the median gap before: the stricter measure, since the answer's own
 * context grows meanwhile. And over that of the same number of tokens before and after.
 */
async function besideLongPrompt(pool: NodeRing, rounds: number): Promise<BenchRow[]> {
  const ratios: number[] = []
  const evenRatios: number[] = []
  const alone: number[] = []
  const promptMs: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const { gaps, beginMs, endMs, arrivalsMs } = await decodeBeside(pool, round)
    const before = median(gaps.filter((_, index) => arrivalsMs[index + 1]! <= beginMs).slice(5))
    const after = median(gaps.filter((_, index) => arrivalsMs[index]! >= endMs).slice(0, -1))
    const during = gaps.filter((_, index) => arrivalsMs[index]! >= beginMs && arrivalsMs[index + 1]! <= endMs)
    alone.push(before)
    promptMs.push(endMs - beginMs)
    ratios.push(...during.map(gap => gap / before))
    evenRatios.push(...during.map(gap => gap / ((before + after) / 2)))
    const words = [before, median(during), after].map(ms => ms.toFixed(1))
    console.error(`${words[0]} ms alone, ${words[1]} ms beside (${during.length} tokens), ${words[2]} ms alone again`)
  }
  return [
    benchRow('time between tokens, alone', 'ms', alone),
    benchRow(`… while another prefills ${longPrompt} tokens, over its median alone`, 'ratio', ratios, { atMost: 2 }),
    benchRow('… over its median alone before and after', 'ratio', evenRatios),
    benchRow(`prefill of ${longPrompt} tokens beside a request that decodes`, 'ms', promptMs),
  ]
}

interface Beside {
  readonly arrivalsMs: readonly number[]
  readonly gaps: readonly number[]
  /** When the long prompt was sent, and when its first token came. */
  readonly beginMs: number
  readonly endMs: number
}

async function decodeBeside(pool: NodeRing, round: number): Promise<Beside> {
  // Other tokens each time: no cache of an earlier round may help.
  const prompt = Array.from({ length: longPrompt }, (_, index) => (index * 7 + round * 131) % 251)
  const hangUp = new AbortController()
  let other: Promise<StreamedAnswer> | null = null
  let lastPiece = Number.POSITIVE_INFINITY
  let seen = 0
  const onPiece = (pieces: number): void => {
    seen = pieces
    if (pieces >= lastPiece) hangUp.abort()
    if (pieces !== aloneTokens) return
    other = ask(pool, '/v1/completions', { prompt, max_tokens: 1 })
    const isOver = () => {
      lastPiece = seen + aloneTokens
    }
    other.then(isOver, () => hangUp.abort())
  }
  const body = { prompt: [round, 2, 3], max_tokens: 1900 }
  const { arrivalsMs } = await ask(pool, '/v1/completions', body, { onPiece, signal: hangUp.signal })
  if (other === null) throw new Error('The decoding answer ended before the long prompt was sent')
  const { askedMs, arrivalsMs: first } = await (other as Promise<StreamedAnswer>)
  if (first[0] === undefined) throw new Error('The long prompt was answered without text')
  return { arrivalsMs, gaps: gapsMs(arrivalsMs), beginMs: askedMs, endMs: first[0] }
}

/** Time to the first token of a conversation's second turn over that of its first. */
async function secondTurn(pool: NodeRing, rounds: number): Promise<BenchRow[]> {
  const firsts: number[] = []
  const seconds: number[] = []
  const cached: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const content = `${round} `.padEnd(conversationTokens, 'The quick brown fox jumps over the lazy dog. ')
    const turn = async (messages: object[]): Promise<StreamedAnswer> =>
      ask(pool, '/v1/chat/completions', { messages, max_tokens: 16 })
    const first = await turn([{ role: 'user', content }])
    const second = await turn([
      { role: 'user', content },
      { role: 'assistant', content: first.text },
      { role: 'user', content: 'And then?' },
    ])
    const untilFirst = ({ askedMs, arrivalsMs }: StreamedAnswer): number => arrivalsMs[0]! - askedMs
    firsts.push(untilFirst(first))
    seconds.push(untilFirst(second))
    cached.push(second.cachedTokens)
    console.error(`first turn ${firsts.at(-1)!.toFixed(0)} ms, second ${seconds.at(-1)!.toFixed(0)} ms`)
  }
  return [
    benchRow(`first turn of ${conversationTokens} tokens: time to first token`, 'ms', firsts),
    benchRow('second turn: time to first token', 'ms', seconds),
    benchRow('… tokens of its prompt that a cache held', 'tokens', cached),
    benchRow(
      '… over the first turn’s',
      'ratio',
      seconds.map((ms, round) => ms / firsts[round]!),
      { atMost: 0.2 },
    ),
  ]
}
