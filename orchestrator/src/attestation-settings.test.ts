/** What vouches by default, and what is said of it. */
import { describe, expect, it } from 'vitest'
import { attestationOf, tellAttestation } from './attestation-settings.ts'

describe('attestationOf', () => {
  it('simulates on a chain of its own outside production, and nowhere else unasked', () => {
    expect(attestationOf(undefined, true, {}).kind).toBe('simulated')
    expect(attestationOf(undefined, false, {}).kind).toBe('none')
    expect(attestationOf(undefined, true, { NODE_ENV: 'production' }).kind).toBe('none')
    expect(attestationOf('none', true, {}).kind).toBe('none')
    expect(attestationOf('tdx-dstack', false, {})).toEqual({
      kind: 'tdx-dstack',
      isProduction: false,
      isSimulationAllowed: false,
      hasDstackSimulator: false,
    })
  })

  it('reads what production is told, and refuses kinds that are none', () => {
    const environment = {
      NODE_ENV: 'production',
      COMPUTEPOOL_ALLOW_SIMULATED_ATTESTATION: '1',
      DSTACK_SIMULATOR_ENDPOINT: 'http://localhost:1',
    }
    expect(attestationOf('simulated', true, environment)).toEqual({
      kind: 'simulated',
      isProduction: true,
      isSimulationAllowed: true,
      hasDstackSimulator: true,
    })
    expect(() => attestationOf('hardware', true, {})).toThrow(expect.objectContaining({ code: 'input_invalid' }))
    expect(() => attestationOf('toString', true, {})).toThrow('--attestation')
  })
})

it('says SIMULATED in capitals where no hardware vouches, and never names hardware then', () => {
  const signer = `0x${'12'.repeat(20)}`
  const told = tellAttestation('simulated', signer)
  expect(told).toContain('SIMULATED')
  expect(told).not.toMatch(/TDX|SGX|Intel/)
  expect(tellAttestation('tdx-dstack', signer)).toContain('TDX')
  expect(tellAttestation('none', null)).toContain('Nothing vouches')
})
