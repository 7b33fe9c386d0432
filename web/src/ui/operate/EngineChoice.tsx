/** Which engine computes the layers: measured by default, forced by who knows why. */
import type { EngineKind } from '@computepool/shared/ports'

const choices: readonly { readonly value: EngineKind | null; readonly name: string; readonly words: string }[] = [
  { value: null, name: 'chosen by measurement', words: 'Times both and takes the faster.' },
  { value: 'webgpu', name: 'WebGPU', words: 'The graphics card, or nothing.' },
  { value: 'wasm', name: 'WASM', words: 'The processor; leaves the graphics card alone.' },
]

export function EngineChoice({
  engine,
  onChange,
}: {
  engine: EngineKind | null
  onChange: (engine: EngineKind | null) => void
}) {
  return (
    <details className="disclosure">
      <summary>Engine: {choices.find(choice => choice.value === engine)?.name}</summary>
      <fieldset className="choices">
        <legend className="visually-hidden">Engine</legend>
        {choices.map(choice => (
          <label key={choice.name} className="choice">
            <input
              type="radio"
              name="engine"
              checked={engine === choice.value}
              onChange={() => onChange(choice.value)}
            />
            <span>
              <strong>{choice.name}</strong> {choice.words}
            </span>
          </label>
        ))}
      </fieldset>
    </details>
  )
}
