/**
 * The guess bench: what guessing ahead brings over distance. Two headless nodes behind AXL daemons (stand-ins) that are 50 ms apart one way,
 * the demo model, real clock; the same questions with guesses and without, in turn. All texts must be equal.
 */
import { askGolden, demoPackDir, readTranscripts } from '../harness/golden-answers.ts'
import { openMixedRing } from '../harness/open-mixed-ring.ts'
import { machineName } from './ask-pool.ts'
import { type BenchReport, benchRow } from './bench-report.ts'
import { askedAgain, draftGains } from './draft-gains.ts'

const delayMs = 50

/** About two minutes. Errors: whatever the ring raised, or an answer that guessing changed; nothing is retried. */
export async function runGuessBench(): Promise<BenchReport> {
  const transcripts = await readTranscripts()
  const ring = await openMixedRing({ kinds: ['axl', 'axl'], packDir: demoPackDir, overlay: { delayMs } })
  try {
    console.error('first asked …')
    // The first answer warms links and engines.
    await askGolden(ring.url, ring.model, transcripts[0]!, false)
    const novel = await draftGains(ring, transcripts)
    console.error('asked again …')
    const repeated = await draftGains(ring, transcripts.map(askedAgain))
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
