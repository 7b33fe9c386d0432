/** What drafts bring: the demo model's questions with them and without, in turn. It knows a pool's address, not what the pool is made of. */
import { askGolden, type Transcript } from '../harness/golden-answers.ts'

/** The question again, with its answer before it: the text that comes was there already. */
export const askedAgain = ({ messages, text, completionTokens }: Transcript): Transcript => ({
  messages: [...messages, { role: 'assistant', content: text }, ...messages.filter(({ role }) => role === 'user')],
  text,
  completionTokens,
})

interface Pool {
  readonly url: string
  readonly model: string
}

/** Time without drafts over time with them, one value a question. Errors: a text that drafts changed, or whatever the pool said. */
export async function draftGains({ url, model }: Pool, questions: readonly Transcript[]): Promise<number[]> {
  const timed = async (question: Transcript, speculate: boolean): Promise<{ ms: number; text: string }> => {
    const startedMs = performance.now()
    const reply = await askGolden(url, model, question, speculate)
    return { ms: performance.now() - startedMs, text: reply.choices[0]!.message.content }
  }
  const gains: number[] = []
  for (const question of questions) {
    const plain = await timed(question, false)
    const drafted = await timed(question, true)
    if (plain.text !== drafted.text) throw new Error(`Drafts changed a text: ${drafted.text}`)
    gains.push(plain.ms / drafted.ms)
    console.error(`${plain.ms.toFixed(0)} ms without drafts, ${drafted.ms.toFixed(0)} ms with`)
  }
  return gains
}
