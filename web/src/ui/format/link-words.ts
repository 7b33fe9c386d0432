/** Kinds of links as the page names them, and what each means in one line. */
import type { LinkKind } from '@computepool/shared/ports'

/** `WebRTC`, `AXL`, `relay`: short enough for a label. */
export const linkNames: Readonly<Record<LinkKind, string>> = {
  loopback: 'in this tab',
  webrtc: 'WebRTC',
  axl: 'AXL',
  relay: 'relay',
}

export const linkMeanings: Readonly<Record<LinkKind, string>> = {
  loopback: 'both seats are in this tab',
  webrtc: 'straight from peer to peer',
  axl: 'through the AXL overlay',
  relay: 'through a peer that passes sealed packets on',
}

/** The order in which the page lists them. */
export const linkOrder: readonly LinkKind[] = ['webrtc', 'axl', 'relay', 'loopback']
