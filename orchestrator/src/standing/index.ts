export {
  createStandingBook,
  type StandingBook,
  type StandingBookOptions,
  type StandingTold,
} from './standing-book.ts'
export { createStandingDesk, type StandingDesk, type StandingDeskOptions } from './standing-desk.ts'
export type { StandingRecord } from './standing-record.ts'
export { createFileStandingStore, createMemoryStandingStore, type StandingStore } from './standing-store.ts'
export { createSuspects } from './suspects.ts'
