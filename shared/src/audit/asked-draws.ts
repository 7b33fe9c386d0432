/** How an exit was asked to draw, as it received and signed it: the desk may have asked the entry otherwise. It knows links, and no plan. */
import { type EvidenceAttempt, type EvidenceCase, evidenceHeaderSchema } from './evidence-header.ts'
import { samplingTerms, termOf } from './pair-frames.ts'

type Terms = EvidenceCase['check']['terms']

const askedSchema = evidenceHeaderSchema.shape.draws.unwrap().pick({ params: true, prompt: true, generated: true })

/** What draws hang on beside the rows, in the first frame that came or the text. Null where that says nothing that anybody could draw by. */
export function askedDraws(
  incoming: EvidenceAttempt['incoming'],
  { sampling }: Terms,
): Pick<NonNullable<EvidenceCase['draws']>, 'params' | 'prompt' | 'generated'> | null {
  if (incoming.kind === 'text')
    return { params: sampling, prompt: sampling.repetitionPenalty === 1 ? [] : incoming.tokens, generated: [] }
  const [first] = incoming.links
  if (first === undefined) return null
  const { data } = askedSchema.safeParse({
    params: paramsOf(termOf(first, 'sampling')),
    prompt: termOf(first, 'prompt'),
    generated: termOf(first, 'generated'),
  })
  return data ?? null
}

/** Whether that was by the sampling that the desk committed to. */
export function isAskedByTerms(incoming: EvidenceAttempt['incoming'], { sampling }: Terms): boolean {
  if (incoming.kind === 'text') return true
  const [first] = incoming.links
  return first !== undefined && JSON.stringify(termOf(first, 'sampling')) === samplingTerms(sampling)
}

/** In the order in which `linkOfFrame` writes them. */
function paramsOf(terms: unknown): unknown {
  if (!Array.isArray(terms) || terms.length !== 10) return null
  const [temperature, topP, topK, minP, presencePenalty, frequencyPenalty, repetitionPenalty, ...rest] = terms
  const [logitBias, seed, logprobs] = rest
  const penalties = { presencePenalty, frequencyPenalty, repetitionPenalty }
  return { temperature, topP, topK, minP, ...penalties, logitBias, seed, logprobs }
}
