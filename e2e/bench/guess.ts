/**
 * The guess bench: what guessing ahead brings over distance. Two headless nodes behind AXL daemons (stand-ins) that are 50 ms apart one way,
 * the demo model, real clock; the same questions with guesses and without, in turn. All texts must be equal.
 */
import { askGolden, demoPackDir, readTranscripts, type Transcript } from '../harness/golden-answers.ts'
import { openMixedRing } from '../harness/open-mixed-ring.ts'
import { machineName } from './ask-pool.ts'
import { type BenchReport, benchRow } from './bench-report.ts'

const delayMs = 50

/** The question again, with its answer before it: the text that comes was there already. */
const askedAgain = ({ messages, text, completionTokens }: Transcript): Transcript => ({
  messages: [...messages, { role: 'assistant', content: text }, ...messages.filter(({ role }) => role === 'user')],
  text,
  completionTokens,
})

/** About two minutes. Errors: whatever the ring raised, or an answer that guessing changed; nothing is retried. */
export async function runGuessBench(): Promise<BenchReport> {
  const transcripts = await readTranscripts()
  const ring = await openMixedRing({ kinds: ['axl', 'axl'], packDir: demoPackDir, overlay: { delayMs } })
  try {
    const timed = async (transcript: Transcript, speculate: boolean): Promise<{ ms: number; text: string }> => {
      const startedMs = performance.now()
      const reply = await askGolden(ring.url, ring.model, transcript, speculate)
      return { ms: performance.now() - startedMs, text: reply.choices[0]!.message.content }
    }
    /** Time without guesses over time with them, one value a question. */
    const gains = async (questions: readonly Transcript[]): Promise<number[]> => {
      const ratios: number[] = []
      for (const question of questions) {
        const plain = await timed(question, false)
        const guessed = await timed(question, true)
        if (plain.text !== guessed.text) throw new Error(`Guessing changed a text: ${guessed.text}`)
        ratios.push(plain.ms / guessed.ms)
        console.error(`${plain.ms.toFixed(0)} ms without guesses, ${guessed.ms.toFixed(0)} ms with`)
      }
      return ratios
    }
    console.error('first asked …')
    // The first answer warms links and engines.
    await timed(transcripts[0]!, false)
    const novel = await gains(transcripts)
    console.error('asked again …')
    const repeated = await gains(transcripts.map(askedAgain))
    return {
      suite: 'guess',
      device: `${machineName()}, two native nodes behind stand-ins of AXL, ${delayMs} ms one way`,
      rows: [
        benchRow('asked again: time without guesses over time with them', 'ratio', repeated, { atLeast: 3 }),
        benchRow('first asked: time without guesses over time with them', 'ratio', novel, { atLeast: 0.95 }),
      ],
    }
  } finally {
    await ring.close()
  }
}
