export { additionalInfoOf, refusedVerifiability, serviceType, verifiabilityOf } from './service-terms.ts'
export {
  mostSettlements,
  type ServingPlace,
  type SettlementItem,
  settlementTypedData,
} from './settlement-typed-data.ts'
export {
  settleNowMessage,
  type ZerogEarnings,
  type ZerogSettled,
  type ZerogStatus,
  zerogEarningsSchema,
  zerogSettledSchema,
  zerogStatusSchema,
} from './zerog-api.ts'
