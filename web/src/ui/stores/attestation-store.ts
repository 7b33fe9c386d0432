/**
 * What vouches for the orchestrator, as it labels its answers with it: nothing, a simulation, or a kind of hardware. It is a label and no
 * proof: a page cannot check a quote, `computepool verify-attestation` can.
 */
import { type AttestationKind, attestationHeader, attestationKinds } from '@computepool/shared/attestation'
import { createExternalStore, type ReadableStore } from './external-store.ts'

export type AttestationLabel = AttestationKind | 'none'

/** Null before it was asked, and where the answer carried no label that this page knows. */
export interface AttestationStore extends ReadableStore<AttestationLabel | null> {
  load(): void
}

/** The label of an answer; null where it has none, or one of a kind unknown here. */
export function attestationOf(headers: Headers): AttestationLabel | null {
  const told = headers.get(attestationHeader)
  return ['none', ...attestationKinds].includes(told ?? '') ? (told as AttestationLabel) : null
}

export function createAttestationStore(ask: () => Promise<Response>): AttestationStore {
  const store = createExternalStore<AttestationLabel | null>(null)
  let isAsked = false
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    load() {
      if (isAsked) return
      isAsked = true
      ask()
        .then(response => {
          store.set(attestationOf(response.headers))
          return response.body?.cancel()
        })
        .catch(() => {
          isAsked = false
        })
    },
  }
}
