/** What we read and call of Superfluid: the wrapped token, a pool, and the distribution agreement through its forwarder. */
import { parseAbi } from 'viem'

export const superTokenAbi = parseAbi([
  'function name() view returns (string)',
  'function symbol() view returns (string)',
  'function decimals() view returns (uint8)',
  'function totalSupply() view returns (uint256)',
  'function balanceOf(address account) view returns (uint256)',
  'function realtimeBalanceOf(address account, uint256 timestamp) view returns (int256 availableBalance, uint256 deposit, uint256 owedDeposit)',
  'function realtimeBalanceOfNow(address account) view returns (int256 availableBalance, uint256 deposit, uint256 owedDeposit, uint256 timestamp)',
  'function getUnderlyingToken() view returns (address)',
  'function getHost() view returns (address)',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function approve(address spender, uint256 amount) returns (bool)',
  'function upgrade(uint256 amount)',
  'function downgrade(uint256 amount)',
  'function downgradeTo(address to, uint256 amount)',
  'event Transfer(address indexed from, address indexed to, uint256 value)',
])

export const superfluidPoolAbi = parseAbi([
  'function admin() view returns (address)',
  'function superToken() view returns (address)',
  'function distributionFromAnyAddress() view returns (bool)',
  'function getUnits(address member) view returns (uint128)',
  'function getTotalUnits() view returns (uint128)',
  'function getTotalFlowRate() view returns (int96)',
  'function getMemberFlowRate(address member) view returns (int96)',
  'function getClaimableNow(address member) view returns (int256 claimableBalance, uint256 timestamp)',
  'function getTotalAmountReceivedByMember(address member) view returns (uint256)',
  'function claimAll(address member) returns (bool)',
  'event MemberUnitsUpdated(address indexed token, address indexed member, uint128 oldUnits, uint128 newUnits)',
  'event DistributionClaimed(address indexed token, address indexed member, int256 claimedAmount, int256 totalClaimed)',
])

export const gdaForwarderAbi = parseAbi([
  'function getFlowDistributionFlowRate(address token, address from, address to) view returns (int96)',
  'function getPoolAdjustmentFlowRate(address pool) view returns (int96)',
  'function getNetFlow(address token, address account) view returns (int96)',
  'function isMemberConnected(address pool, address member) view returns (bool)',
  'function connectPool(address pool, bytes userData) returns (bool)',
  'function disconnectPool(address pool, bytes userData) returns (bool)',
  'function claimAll(address pool, address member, bytes userData) returns (bool)',
  'function distributeFlow(address token, address from, address pool, int96 requestedFlowRate, bytes userData) returns (bool)',
])
