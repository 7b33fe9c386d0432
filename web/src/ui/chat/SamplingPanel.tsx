/** How answers are drawn. An empty field leaves the choice to the server. */
import type { SamplingSettings } from './sampling-settings.ts'
import { samplingSettingsSchema } from './sampling-settings.ts'

interface FieldFacts {
  readonly name: Exclude<keyof SamplingSettings, 'trustedEnds'>
  readonly label: string
  readonly hint: string
  readonly min: number
  readonly max: number
  readonly step: number
}

const fields: readonly FieldFacts[] = [
  { name: 'temperature', label: 'Temperature', hint: '0 always takes the likeliest token', min: 0, max: 2, step: 0.1 },
  { name: 'maxTokens', label: 'Most tokens', hint: 'where the answer is cut', min: 1, max: 100_000, step: 1 },
  { name: 'seed', label: 'Seed', hint: 'the same seed repeats an answer', min: 0, max: 0xffff_ffff, step: 1 },
]

export interface SamplingPanelProps {
  readonly settings: SamplingSettings
  readonly onChange: (settings: SamplingSettings) => void
}

export function SamplingPanel({ settings, onChange }: SamplingPanelProps) {
  function change(name: FieldFacts['name'], text: string) {
    const next = samplingSettingsSchema.safeParse({ ...settings, [name]: text === '' ? null : Number(text) })
    if (next.success) onChange(next.data)
  }
  return (
    <details className="disclosure sampling">
      <summary>Sampling: {summaryOf(settings)}</summary>
      <div className="sampling-fields">
        {fields.map(({ name, label, hint, min, max, step }) => (
          <label key={name} className="field">
            <span className="field-head">{label}</span>
            <input
              type="number"
              inputMode="decimal"
              {...{ min, max, step }}
              placeholder="default"
              value={settings[name] ?? ''}
              data-testid={`sampling-${name}`}
              onChange={event => change(name, event.target.value)}
            />
            <span className="hint">{hint}</span>
          </label>
        ))}
      </div>
    </details>
  )
}

function summaryOf(settings: SamplingSettings): string {
  const set = fields.flatMap(({ name, label }) =>
    settings[name] === null ? [] : [`${label.toLowerCase()} ${settings[name]}`],
  )
  return set.length === 0 ? 'the server’s defaults' : set.join(', ')
}
