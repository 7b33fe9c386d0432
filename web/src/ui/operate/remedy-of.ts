/** What a reader can do about an error: its own remedy, else one by code, else one by who must act. Pure. */
import type { ErrorData } from '@computepool/shared/errors'

const byCode: Partial<Record<ErrorData['code'], string>> = {
  engine_unavailable: 'Choose another engine under “Engine”, then join again.',
  engine_self_test_failed:
    'This engine computes wrongly here, so it must not serve. Choose the other engine, or update the graphics driver.',
  engine_device_lost: 'The graphics card was reset or taken away. Join again; if it repeats, offer less memory.',
  engine_out_of_memory: 'Offer less memory, or close other tabs, then join again.',
  engine_worker_died: 'The browser ended the engine, most often for want of memory. Offer less, then join again.',
  artifact_digest_mismatch: 'A part did not arrive as published. Join again: it is fetched anew.',
  artifact_quota_exceeded:
    'The disk’s share for this site is full. Free some space, or offer less memory so that fewer layers are needed.',
  artifact_fetch_failed: 'Check the network, then join again: what arrived is kept.',
  peer_version_refused: 'This page is older or newer than the server. Reload it.',
  peer_unauthenticated: 'The server does not know this token any more. Sign in, or open a session, anew.',
  peer_rate_limited: 'Too many requests came from here. Wait a little, then try again.',
  peer_unreachable:
    'The other tab cannot be reached directly from this network. A TURN server, set by the server’s owner, would help.',
}

const byFamily: Readonly<Record<string, string>> = {
  swarm: 'Wait a little, then join again.',
  peer: 'Join again. If it repeats, the network in between may block WebRTC.',
  engine: 'Join again, or choose the other engine.',
  artifact: 'Join again.',
  input: 'Change what was asked for.',
  payment: 'Open a session with a wallet, then try again. Nothing was charged for this.',
  chain: 'Wait a little, then try again: money that has not moved is where it was.',
  bug: 'This is a fault of ours. Reload the page, and report the code below.',
}

export function remedyOf(error: ErrorData): string {
  if (error.remedy !== '') return error.remedy
  return byCode[error.code] ?? byFamily[error.code.split('_')[0] ?? ''] ?? 'Join again.'
}
