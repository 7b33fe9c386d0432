export { additionalInfoOf, refusedVerifiability, serviceType, verifiabilityOf } from './service-terms.ts'
export {
  mostSettlements,
  type ServingPlace,
  type SettlementItem,
  settlementTypedData,
} from './settlement-typed-data.ts'
export {
  settleNowMessage,
  type ZerogSettled,
  type ZerogStatus,
  zerogSettledSchema,
  zerogStatusSchema,
} from './zerog-api.ts'
