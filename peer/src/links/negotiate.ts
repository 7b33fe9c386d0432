/**
 * Perfect negotiation (W3C WebRTC 1.0, section 10.7) of one connection with trickle ICE: descriptions and candidates in and out,
 * glare resolved by rolling back the polite side's offer. It knows no channels and no peers.
 */
import type { HostSignal } from './host-protocol.ts'

export interface Negotiation {
  /** Signals are applied one after another, in the order of the calls. */
  accept(signal: HostSignal): void
}

export interface NegotiationOptions {
  readonly connection: RTCPeerConnection
  /** Offers first, and wins where both offer at once (the impolite side). */
  readonly isInitiator: boolean
  readonly emit: (signal: HostSignal) => void
  readonly onFault: (fault: unknown) => void
}

export function negotiate({ connection, isInitiator, emit, onFault }: NegotiationOptions): Negotiation {
  let isMakingOffer = false
  let isIgnoringOffer = false
  let isSettingAnswer = false
  let queue = Promise.resolve()

  const emitLocal = (): void => {
    const description = connection.localDescription
    if (description && (description.type === 'offer' || description.type === 'answer')) {
      emit({ type: 'description', sdpType: description.type, sdp: description.sdp })
    }
  }

  connection.onnegotiationneeded = async () => {
    // The other side offers first; both offering at once would cost a rollback on every link.
    if (!isInitiator && connection.remoteDescription === null) return
    try {
      isMakingOffer = true
      await connection.setLocalDescription()
      emitLocal()
    } catch (fault) {
      if (connection.signalingState !== 'closed') onFault(fault)
    } finally {
      isMakingOffer = false
    }
  }
  connection.onicecandidate = ({ candidate }) => {
    emit({
      type: 'candidate',
      candidate: candidate?.candidate ?? '',
      sdpMid: candidate?.sdpMid ?? null,
      sdpMLineIndex: candidate?.sdpMLineIndex ?? null,
    })
  }

  async function applyDescription(sdpType: 'offer' | 'answer', sdp: string): Promise<void> {
    const isReady =
      !isMakingOffer && (connection.signalingState === 'stable' || (isSettingAnswer && sdpType === 'offer'))
    isIgnoringOffer = isInitiator && sdpType === 'offer' && !isReady
    if (isIgnoringOffer) return
    isSettingAnswer = sdpType === 'answer'
    try {
      await connection.setRemoteDescription({ type: sdpType, sdp })
    } finally {
      isSettingAnswer = false
    }
    if (sdpType !== 'offer') return
    await connection.setLocalDescription()
    emitLocal()
  }

  async function applyCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      // The end of the list is told by an empty string, which browsers take with a mid or an index only.
      const isEnd = candidate.candidate === ''
      await connection.addIceCandidate(isEnd && candidate.sdpMid === null ? { ...candidate, sdpMid: '0' } : candidate)
    } catch (fault) {
      // A candidate of an offer that was ignored, or one this browser cannot use: others may do.
      if (!isIgnoringOffer && connection.remoteDescription === null) onFault(fault)
    }
  }

  return {
    accept(signal) {
      queue = queue
        .then(() =>
          signal.type === 'description'
            ? applyDescription(signal.sdpType, signal.sdp)
            : applyCandidate({
                candidate: signal.candidate,
                sdpMid: signal.sdpMid,
                sdpMLineIndex: signal.sdpMLineIndex,
              }),
        )
        .catch(fault => {
          if (connection.signalingState !== 'closed') onFault(fault)
        })
    },
  }
}
