/**
 * Judges a bundle of evidence by oneself: against the receipts and the wallets' words in it, then by computing the accused's steps again with
 * one's own model, engine and tolerances. It knows no chain: whether the bundle is the one that an accusation names is for whoever fetched it.
 */
import { createHash } from 'node:crypto'
import { verifyWallet } from '@computepool/peer/runtime/verify-wallet.ts'
import { type EvidenceVerdict, type JudgeInput, judgeEvidence } from '@computepool/shared/audit'
import type { Engine } from '@computepool/shared/ports'

export type { EvidenceVerdict } from '@computepool/shared/audit'

const digest = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

export type VerifyInput = Omit<JudgeInput, 'verifyWallet' | 'digest'>

/** The engine that `open` gives is closed. Errors: the engine's. */
export async function verifyEvidence(input: VerifyInput): Promise<EvidenceVerdict> {
  const opened: Engine[] = []
  const open: VerifyInput['open'] = async layers => {
    const engine = await input.open(layers)
    opened.push(engine)
    return engine
  }
  try {
    return await judgeEvidence({ ...input, open, verifyWallet, digest })
  } finally {
    for (const engine of opened) await engine.close()
  }
}
