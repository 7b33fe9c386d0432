/** An answer: text as it comes, then what was measured; why it ended where it did not end well. */
import { memo } from 'react'
import { paidTermsOf } from '../../money/terms-store.ts'
import { formatAtomic } from '../format/format-money.ts'
import { formatCount, formatMs, formatTokensPerSecond } from '../format/format-number.ts'
import { Markdown } from '../markdown/Markdown.tsx'
import { Link } from '../router/Link.tsx'
import { CopyButton } from '../shell/CopyButton.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { attestationNames } from '../trust/AttestationWords.tsx'
import type { AnswerError, AnswerFigures, Message } from './conversation.ts'
import { TraceButton } from './TraceButton.tsx'

export interface AnswerProps {
  readonly message: Message
  readonly isStreaming: boolean
  readonly onRegenerate: () => void
}

export const Answer = memo(
  function Answer({ message, isStreaming, onRegenerate }: AnswerProps) {
    return (
      <article
        className={`answer${isStreaming ? ' is-streaming' : ''}`}
        aria-label={message.model ?? 'Answer'}
        aria-busy={isStreaming}
        data-testid="answer"
        data-status={message.status}
      >
        {message.content === '' && isStreaming ? (
          <p className="hint">Waiting for the first token.</p>
        ) : (
          <Markdown text={message.content} />
        )}
        {message.error === null ? null : <AnswerProblem error={message.error} />}
        {isStreaming ? null : (
          <footer className="answer-foot">
            <span data-testid="answer-figures">
              <Figures message={message} />
            </span>
            <span className="acts">
              {message.content === '' ? null : <CopyButton text={message.content} label="Copy the answer" />}
              <button type="button" className="button quiet small" data-testid="regenerate" onClick={onRegenerate}>
                Regenerate
              </button>
              {message.requestId === undefined ? null : <TraceButton requestId={message.requestId} />}
            </span>
          </footer>
        )}
      </article>
    )
  },
  // The callback is new at every drawing and does the same: comparing it would redraw every answer at every token.
  (before, after) => before.message === after.message && before.isStreaming === after.isStreaming,
)

function AnswerProblem({ error }: { error: AnswerError }) {
  const isAboutTrust = error.code === 'swarm_trust_missing'
  const wait = error.retryAfterSeconds === null ? '' : ` Try again in ${error.retryAfterSeconds} s.`
  return (
    <p className="notice" role="alert" data-testid="answer-error" data-code={error.code}>
      {error.message}
      {wait} {error.code === 'payment_required' ? 'Open a session below, then regenerate this answer.' : null}
      {isAboutTrust ? 'Or switch off “Only trusted ends” below, and regenerate this answer.' : null}
      {error.code === 'peer_not_authorised' || error.code === 'peer_unauthenticated' ? (
        <Link to="/token#ask">How to ask for access</Link>
      ) : null}
      {error.code.startsWith('swarm_') && !isAboutTrust ? (
        <Link to="/operate">Hold layers with this browser</Link>
      ) : null}
    </p>
  )
}

function Figures({ message }: { message: Message }) {
  const { terms } = useServices()
  const isTest = paidTermsOf(useStore(terms))?.chain.isEmbedded ?? false
  return figureWords(message, isTest)
}

function figureWords({ figures, status }: Message, isTest: boolean): string {
  const words = figures === null ? [] : figureList(figures, isTest)
  if (status === 'stopped') words.unshift('stopped')
  return words.join(' · ')
}

function figureList(figures: AnswerFigures, isTest: boolean): string[] {
  const { moves = 0, cachedTokens = 0 } = figures
  const { tokens, tokensPerSecond, timeToFirstTokenMs, directHops, finishReason, stoppedBy, costAtomic, attestation } =
    figures
  return [
    tokens === null ? '' : `${formatCount(tokens)} ${tokens === 1 ? 'token' : 'tokens'}`,
    tokensPerSecond === null ? '' : formatTokensPerSecond(tokensPerSecond),
    timeToFirstTokenMs === null ? '' : `first after ${formatMs(timeToFirstTokenMs)}`,
    directHops === null ? '' : `${formatCount(directHops)} direct ${directHops === 1 ? 'hop' : 'hops'}`,
    cachedTokens > 0
      ? `${formatCount(cachedTokens)} prompt ${cachedTokens === 1 ? 'token' : 'tokens'} kept from before`
      : '',
    moves > 0 ? `went on after ${moves === 1 ? 'an interruption' : `${moves} interruptions`}` : '',
    typeof costAtomic === 'string' ? formatAtomic(BigInt(costAtomic), isTest) : '',
    stoppedBy === 'cap' ? 'stopped: the session’s cap is spent' : '',
    stoppedBy === 'closed' ? 'stopped: the session was closed' : '',
    finishReason === 'length' && typeof stoppedBy !== 'string' ? 'cut at the token limit' : '',
    attestation === undefined ? '' : attestationNames[attestation],
  ].filter(word => word !== '')
}
