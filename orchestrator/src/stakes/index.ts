export { createStakeDesk, type StakeDesk } from './create-stake-desk.ts'
export {
  earningOnlyStaked,
  type OpenStakesOptions,
  openStakes,
  requireRegistry,
  type Staking,
  testMint,
} from './open-stakes.ts'
export {
  type StakeDeskOptions,
  type StakeKillHook,
  type StakePoint,
  type StakeTimes,
  stakePoints,
} from './stake-ports.ts'
export { type StakeSource, withStakes } from './stake-source.ts'
export { stakeWords } from './stake-words.ts'
export type { StakeOf } from './view-stakes.ts'
