import { expect, it } from 'vitest'
import { type Accepted, capabilityOf } from './accept-offer.ts'
import type { EngineProbe } from './peer-snapshot.ts'

const probe = (kind: EngineProbe['kind'], msPerLayer: number): EngineProbe =>
  ({ kind, device: `a ${kind} `.repeat(50), isSoftware: kind === 'wasm', msPerLayer, headMs: 2 }) as EngineProbe

const accepted = (kind: EngineProbe['kind'], probes: readonly EngineProbe[]): Accepted =>
  ({ choice: { kind, probes, activationDtype: 'f32', reason: '' } }) as unknown as Accepted

it('tells the desk of the engine that was chosen, not of the others, in words that fit the wire', () => {
  const capability = capabilityOf(accepted('wasm', [probe('webgpu', 1), probe('wasm', 3)]), 500)
  expect(capability).toMatchObject({ engine: 'wasm', isSoftware: true, msPerLayer: 3, memoryBudgetBytes: 500 })
  expect(capability.device).toHaveLength(200)
})

it('refuses an engine that was never measured', () => {
  expect(() => capabilityOf(accepted('native', [probe('wasm', 3)]), 500)).toThrow(
    expect.objectContaining({ code: 'engine_unavailable' }),
  )
})
