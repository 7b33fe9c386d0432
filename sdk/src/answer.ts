/** An answer as this package gives it: the text, what it cost, and what is needed to check it. Types only. */

/** What `verifyAnswer` compares: hashes of the very bytes that left here and came here. */
export interface AnswerEvidence {
  /** Where to ask for the signature. */
  readonly pool: string
  /** 0G's chat key (`ZG-Res-Key`); null where the pool signs nothing. */
  readonly signatureId: string | null
  /** SHA-256, hex: of the request's body, and of the answer's, of a stream every byte. */
  readonly requestSha256: string
  readonly responseSha256: string
}

export interface Answer {
  /** The pool's id of the request, as receipts and traces name it. */
  readonly requestId: string | null
  readonly model: string
  readonly text: string
  readonly finishReason: string | null
  /** `cap`: the cap was spent, and the text ends there; `closed`: the session was closed meanwhile. */
  readonly stoppedBy: 'cap' | 'closed' | null
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number; readonly cachedTokens: number }
  /** What this answer cost; null where work is free. */
  readonly costAtomic: bigint | null
  /** Who computed it, entry first. */
  readonly route: readonly { readonly peer: string; readonly layers: readonly [number, number] }[]
  readonly evidence: AnswerEvidence
}
