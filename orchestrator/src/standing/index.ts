export {
  createStandingBook,
  type StandingBook,
  type StandingBookOptions,
  type StandingTold,
} from './standing-book.ts'
export type { StandingRecord } from './standing-record.ts'
export { createFileStandingStore, createMemoryStandingStore, type StandingStore } from './standing-store.ts'
