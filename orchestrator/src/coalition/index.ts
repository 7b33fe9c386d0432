export {
  activateOrder,
  breachOrder,
  type CoalitionOrder,
  membersOf,
  type OrderCallback,
  proposeOrder,
  type RateOrder,
  type UnitsOrder,
  voteOrder,
} from './coalition-orders.ts'
export {
  type CoalitionConfig,
  type CoalitionEvent,
  type CoalitionEventName,
  type CoalitionEvents,
  type CoalitionReader,
  type CoalitionTotals,
  type CoalitionView,
  createCoalitionReader,
  type DisputeView,
  type StakeView,
} from './coalition-reader.ts'
export { bondNonceOf, stakeNonceOf, termsHashOf } from './hash-terms.ts'
export { type CoalitionCall, type CoalitionRelay, relayTo } from './relay-coalition.ts'
export {
  type AccusationToSign,
  type ResponseToSign,
  type SignContext,
  signAccusation,
  signConsent,
  signLeave,
  signResponse,
  signVote,
  type VoteToSign,
  type WordSigner,
} from './sign-terms.ts'
export {
  type ConsentToVerify,
  isSigned,
  type VerifyContext,
  verifyAccusation,
  verifyConsent,
  verifyLeave,
  verifyResponse,
  verifyVote,
  type WordFault,
} from './verify-words.ts'
