/** Stands in where there is no hardware. It says so in everything that it makes: no quote, a domain of its own, a notice. */
import { simulatedMessage } from '@computepool/shared/attestation'
import { privateKeyToAccount } from 'viem/accounts'
import type { AttestationProvider } from './attestation-provider.ts'

export function createSimulatedProvider(privateKey: `0x${string}`): AttestationProvider {
  const account = privateKeyToAccount(privateKey)
  return {
    kind: 'simulated',
    signer: async () => account,
    evidence: async reportData => ({
      quote: null,
      eventLog: null,
      vmConfig: null,
      simulatedSignature: await account.signMessage({ message: simulatedMessage(reportData) }),
    }),
  }
}
