/** From an offered model to what this peer can do for it: its manifest, and an engine measured. It knows no slice and sends nothing. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest, PackPlaces } from '@computepool/shared/model'
import type { EngineKind } from '@computepool/shared/ports'
import type { Capability } from '@computepool/shared/wire'
import { fetchManifest } from '../artifacts/fetch-manifest.ts'
import { fetchPlaces } from '../artifacts/fetch-places.ts'
import type { VerifiedStore } from '../artifacts/verified-store.ts'
import type { EngineChoice, Offer, PeerPowers } from './peer-powers.ts'
import type { SnapshotBox } from './snapshot-box.ts'

export interface Accepted {
  readonly offer: Offer
  readonly packUrl: string
  /** Where else the pack is; null: nowhere that the pool knows. */
  readonly places: PackPlaces | null
  readonly manifest: Manifest
  readonly choice: EngineChoice
}

export interface OfferOptions {
  readonly powers: PeerPowers
  /** Null lets the measurement choose. */
  readonly engine: EngineKind | null
  readonly store: VerifiedStore
  readonly box: SnapshotBox
  readonly signal: AbortSignal
}

/** Errors: `artifact_*`, `engine_*`, or the signal's reason. */
export async function acceptOffer(
  { powers, engine, store, box, signal }: OfferOptions,
  offer: Offer,
): Promise<Accepted> {
  const packUrl = new URL(offer.packUrl, powers.pageUrl).href
  const { manifestSha256 } = offer
  box.set({ status: 'probing', model: offer.model })
  const { fetchBytes, clock } = powers
  const asked = fetchPlaces({ packUrl, manifestSha256, fetchBytes, clock, signal })
  const manifest = await fetchManifest({ packUrl, manifestSha256, fetchBytes, signal })
  box.set({ modelLayers: manifest.dimensions.layers })
  store.keep([...manifest.parts, ...(manifest.selfTest?.boundaries ?? [])].map(file => file.sha256))
  const choice = await powers.probeEngines(manifest, engine, signal)
  signal.throwIfAborted()
  box.set({ probes: choice.probes, engineChoice: { kind: choice.kind, reason: choice.reason } })
  return { offer, packUrl, places: await asked, manifest, choice }
}

/** What the desk is told. Errors: `engine_unavailable` where the engine chosen was not measured. */
export function capabilityOf({ choice }: Accepted, memoryBudgetBytes: number): Capability {
  const probe = choice.probes.find(({ kind }) => kind === choice.kind)
  if (probe === undefined) throw new ComputePoolError('engine_unavailable', `No measurement of ${choice.kind}.`)
  return {
    engine: choice.kind,
    device: probe.device.slice(0, 200),
    isSoftware: probe.isSoftware,
    activationDtype: choice.activationDtype,
    msPerLayer: probe.msPerLayer,
    headMs: probe.headMs,
    memoryBudgetBytes,
  }
}
