export { type PoolSnapshot, poolSeatSchema, poolSnapshotSchema } from './pool-snapshot.ts'
