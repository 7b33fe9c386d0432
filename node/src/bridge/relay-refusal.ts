/** Why a relay did not take something: a value, because whoever floods it must not cost it an exception each. */
import type { PeerId } from '@computepool/shared/wire'

export interface RelayRefusal {
  readonly code: 'peer_unauthenticated' | 'peer_frame_invalid' | 'peer_rate_limited' | 'peer_unreachable'
  /** Whom it is counted for; null where nobody is known to have sent it. */
  readonly member: PeerId | null
  readonly sizeBytes: number
  /** What happened, in a sentence. */
  readonly message: string
}
