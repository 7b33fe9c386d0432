/** What a version says, opened in this page. */
import type { PoolIntelligence } from '@computepool/shared/inft'

export function IntelligenceView({ intelligence, testId }: { intelligence: PoolIntelligence; testId: string }) {
  const { model, systemPrompt, spans, policy } = intelligence
  return (
    <dl className="limits opened" data-testid={testId} data-prompt={systemPrompt}>
      <div>
        <dt>
          <strong>Model</strong>
        </dt>
        <dd>
          {model.id}, {model.layers} layers, pack <code>{model.manifestSha256}</code>
        </dd>
      </div>
      <div>
        <dt>
          <strong>Layers are split</strong>
        </dt>
        <dd>
          {spans.length === 0
            ? 'as the pool finds best'
            : spans.map(({ firstLayer, endLayer }) => `${firstLayer} to ${endLayer - 1}`).join(', ')}
        </dd>
      </div>
      <div>
        <dt>
          <strong>Private prompt</strong>
        </dt>
        <dd className="opened-prompt">{systemPrompt === '' ? 'none' : systemPrompt}</dd>
      </div>
      <div>
        <dt>
          <strong>Policy</strong>
        </dt>
        <dd>
          {policy.pricePerSecondAtomic} atomic USDC a second, stake {policy.stakeAtomic}, {policy.checkRate} of work
          checked
        </dd>
      </div>
    </dl>
  )
}
