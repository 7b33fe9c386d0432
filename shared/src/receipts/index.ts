export {
  type Receipt,
  type ReceiptBody,
  receiptBodySchema,
  receiptSchema,
  receiptText,
  recentHeadBytes,
} from './receipt.ts'
export {
  advance,
  createReceiptChain,
  type Digest,
  extend,
  headOf,
  type ReceiptAttempt,
  type ReceiptChain,
  type ReceiptLink,
  settleChain,
} from './receipt-chain.ts'
export { linkOfFrame, linkOfText, linksOfTokens } from './receipt-links.ts'
export {
  createReceiptSigner,
  isSignedBy,
  isTextSignedBy,
  type ReceiptSigner,
  type SignatureOf,
} from './receipt-signer.ts'
export { type SessionKey, sessionKeySchema, sessionKeyText } from './session-key.ts'
export { sketchLength, sketchOf } from './sketch.ts'
export {
  type IsSigned,
  type ReceiptedAttempt,
  type ReceiptedSeat,
  type ReceiptFault,
  type ReceiptVerdict,
  recentOf,
  verifyReceipts,
} from './verify-receipts.ts'
