/** Where somebody's address is pasted: whether it is one, the act that takes it says. */
import { useId } from 'react'

export interface AddressFieldProps {
  readonly label: string
  readonly testId: string
  readonly value: string
  readonly onChange: (text: string) => void
}

export function AddressField({ label, testId, value, onChange }: AddressFieldProps) {
  const id = useId()
  return (
    <span className="field">
      <label className="field-head" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        type="text"
        data-testid={testId}
        value={value}
        maxLength={64}
        placeholder="0x…"
        autoComplete="off"
        spellCheck={false}
        required
        onChange={event => onChange(event.target.value)}
      />
    </span>
  )
}
