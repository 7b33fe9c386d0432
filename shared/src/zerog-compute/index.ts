export { additionalInfoOf, refusedVerifiability, serviceType, verifiabilityOf } from './service-terms.ts'
export {
  mostSettlements,
  type ServingPlace,
  type SettlementItem,
  settlementTypedData,
} from './settlement-typed-data.ts'
export {
  type DoubtClaim,
  doubtClaimSchema,
  resolveDoubtMessage,
  settleNowMessage,
  type ZerogDoubt,
  type ZerogDoubts,
  type ZerogEarnings,
  type ZerogResolved,
  type ZerogSettled,
  type ZerogStatus,
  zerogDoubtSchema,
  zerogDoubtsSchema,
  zerogEarningsSchema,
  zerogResolvedSchema,
  zerogSettledSchema,
  zerogStatusSchema,
} from './zerog-api.ts'
