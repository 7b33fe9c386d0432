/** Who a peer is. */
import { z } from 'zod'

/** A wallet address in lower case, a dot, and eight hex digits that tell two tabs of one wallet apart. */
export const peerIdSchema = z.string().regex(/^0x[0-9a-f]{40}\.[0-9a-f]{8}$/)
export type PeerId = z.infer<typeof peerIdSchema>
