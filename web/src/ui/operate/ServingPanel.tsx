/** What this tab does, in measured figures: work, where a step's time goes, memory, links. */
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { formatBytes, formatCount, formatLayers, formatMs, threeDigits, unmeasured } from '../format/format-number.ts'
import { HiddenNotice } from './HiddenNotice.tsx'
import { LinkList } from './LinkList.tsx'
import { StayAwake } from './StayAwake.tsx'
import { StepSplit } from './StepSplit.tsx'

export function ServingPanel({ snapshot }: { snapshot: PeerSnapshot }) {
  const isServing = snapshot.status === 'serving'
  return (
    <>
      {isServing ? (
        <>
          <dl className="figures" data-testid="live-figures">
            <Figure name="Tokens served" value={formatCount(snapshot.tokensServed)} isWork />
            <Figure
              name="Tokens/s"
              value={snapshot.tokensPerSecond === null ? unmeasured : threeDigits(snapshot.tokensPerSecond)}
              isWork
            />
            <Figure name="In work" value={requestWords(snapshot.requests)} />
            <Figure name="Layers" value={layersWords(snapshot)} />
          </dl>
          <StepSplit computeMs={snapshot.computeMs} hopMs={snapshot.hopMs} />
          <HiddenNotice />
        </>
      ) : null}
      {snapshot.weightsBytes > 0 ? <Memory snapshot={snapshot} /> : null}
      {snapshot.links.length > 0 ? <LinkList links={snapshot.links} seats={snapshot.seats} /> : null}
      <Engines snapshot={snapshot} />
      {isServing ? <StayAwake /> : null}
    </>
  )
}

function Figure({ name, value, isWork = false }: { name: string; value: string; isWork?: boolean }) {
  return (
    <div className={isWork ? 'is-work' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function Memory({ snapshot }: { snapshot: PeerSnapshot }) {
  const { weightsBytes, kvBytes, memoryBudgetBytes } = snapshot
  const whole = Math.max(memoryBudgetBytes, weightsBytes + kvBytes)
  return (
    <div className="meter" data-testid="memory-use">
      <div className="meter-head">
        <span>Memory</span>
        <span>
          {formatBytes(weightsBytes + kvBytes)} of {formatBytes(memoryBudgetBytes)}
        </span>
      </div>
      <div className="bar" aria-hidden="true">
        <span className="bar-strong" style={{ inlineSize: `${(weightsBytes / whole) * 100}%` }} />
        <span className="bar-soft" style={{ inlineSize: `${(kvBytes / whole) * 100}%` }} />
      </div>
      <p className="hint">
        Weights {formatBytes(weightsBytes)}, caches {formatBytes(kvBytes)}.
      </p>
    </div>
  )
}

function Engines({ snapshot }: { snapshot: PeerSnapshot }) {
  const { engineChoice, probes } = snapshot
  if (engineChoice === null && probes.length === 0) return null
  return (
    <details className="disclosure" data-testid="engine" data-engine={engineChoice?.kind}>
      <summary>Engine: {engineChoice === null ? 'not chosen yet' : engineNames[engineChoice.kind]}</summary>
      {engineChoice === null ? null : <p className="hint">{engineChoice.reason}</p>}
      {probes.length === 0 ? null : (
        <table>
          <thead>
            <tr>
              <th scope="col">Engine</th>
              <th scope="col">Device</th>
              <th scope="col">A layer</th>
              <th scope="col">The head</th>
            </tr>
          </thead>
          <tbody>
            {probes.map(probe => (
              <tr key={probe.kind}>
                <th scope="row">{engineNames[probe.kind]}</th>
                <td>
                  {probe.device}
                  {probe.isSoftware ? ' (software)' : ''}
                </td>
                <td>{formatMs(probe.msPerLayer)}</td>
                <td>{formatMs(probe.headMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  )
}

const engineNames = { webgpu: 'WebGPU', wasm: 'WASM', native: 'native' } as const

function requestWords(requests: number): string {
  return requests === 0 ? 'nothing now' : `${requests} ${requests === 1 ? 'request' : 'requests'}`
}

function layersWords({ layers, modelLayers }: PeerSnapshot): string {
  return layers === null ? unmeasured : `${formatLayers(layers)} of ${modelLayers ?? unmeasured}`
}
