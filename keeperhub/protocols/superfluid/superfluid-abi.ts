/** What these steps call: the wrapped token, its host, the distribution agreement and its pools. */

const p = (type: string, name = '') => ({ name, type })
const [address, bytes] = ['address', 'bytes']
const call = (stateMutability: string, name: string, inputs: readonly object[], outputs: readonly object[]) => ({
  type: 'function',
  name,
  stateMutability,
  inputs,
  outputs,
})

export const superfluidAbi = [
  call('view', 'getHost', [], [p(address)]),
  call('view', 'getAgreementClass', [p('bytes32', 'agreementType')], [p(address)]),
  call(
    'nonpayable',
    'callAgreement',
    [p(address, 'agreementClass'), p(bytes, 'callData'), p(bytes, 'userData')],
    [p(bytes)],
  ),
  call(
    'payable',
    'batchCall',
    [
      {
        ...p('tuple[]', 'operations'),
        components: [p('uint32', 'operationType'), p(address, 'target'), p(bytes, 'data')],
      },
    ],
    [],
  ),
  call(
    'nonpayable',
    'createPool',
    [
      p(address, 'token'),
      p(address, 'admin'),
      {
        ...p('tuple', 'config'),
        components: [p('bool', 'transferabilityForUnitsOwner'), p('bool', 'distributionFromAnyAddress')],
      },
    ],
    [p(address)],
  ),
  call(
    'nonpayable',
    'updateMemberUnits',
    [p(address, 'pool'), p(address, 'memberAddress'), p('uint128', 'newUnits'), p(bytes, 'ctx')],
    [p(bytes)],
  ),
  call(
    'nonpayable',
    'distributeFlow',
    [p(address, 'token'), p(address, 'from'), p(address, 'pool'), p('int96', 'requestedFlowRate'), p(bytes, 'ctx')],
    [p(bytes)],
  ),
  call(
    'view',
    'getFlow',
    [p(address, 'token'), p(address, 'from'), p(address, 'to')],
    [p('uint256', 'lastUpdated'), p('int96', 'flowRate'), p('uint256', 'deposit')],
  ),
  call('view', 'isPool', [p(address, 'token'), p(address, 'account')], [p('bool')]),
  call('view', 'admin', [], [p(address)]),
  call('view', 'getUnits', [p(address, 'memberAddress')], [p('uint128')]),
  call('view', 'getTotalUnits', [], [p('uint128')]),
  call('view', 'getTotalFlowRate', [], [p('int96')]),
]

/** Keccak-256 of the agreement's name: what the host knows it by. */
export const distributionAgreement = '0xdfd8ece9bfbcb8c5c540edb935641f63d67686490a1ab97f000288759f30a946'
/** Topic of PoolCreated(address indexed token, address indexed admin, address pool). */
export const poolCreatedTopic = '0x9c5d829b9b23efc461f9aeef91979ec04bb903feb3bee4f26d22114abfc7335b'
/** `callAgreement` as an operation of `batchCall`. */
export const callAgreementOperation = '201'
