/** The front door of sealed links: end to end between two wallets, over carriers that promise nothing. */

export { defaultSealedLimits, type SealedLimits } from './sealed-limits.ts'
export type { SealedKind } from './sealed-link.ts'
export {
  createSealedTransport,
  type SealedCounts,
  type SealedRoute,
  type SealedTransport,
  type SealedTransportOptions,
} from './sealed-transport.ts'
