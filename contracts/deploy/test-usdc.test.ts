import {
  type Address,
  type Hex,
  keccak256,
  maxUint256,
  type PrivateKeyAccount,
  parseSignature,
  stringToHex,
} from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { artifactOf } from '../build/compile.ts'
import { openTestChain, type TestChain } from '../testing/open-test-chain.ts'

let chain: TestChain
let abi: Awaited<ReturnType<typeof artifactOf>>['abi']
let payer: PrivateKeyAccount
let payee: Address
beforeAll(async () => {
  chain = await openTestChain()
  abi = (await artifactOf('TestUsdc', ['src/chain'])).abi
  payer = chain.accounts.payers[0]!
  payee = chain.accounts.operators[0]!.address
})
afterAll(() => chain.close())

interface Authorization {
  readonly from: Address
  readonly to: Address
  readonly value: bigint
  readonly validAfter: bigint
  readonly validBefore: bigint
  readonly nonce: Hex
}

let counter = 0
function authorization(changes: Partial<Authorization> = {}): Authorization {
  const nonce = keccak256(stringToHex(`nonce ${counter++}`))
  return { from: payer.address, to: payee, value: 10n, validAfter: 0n, validBefore: maxUint256, nonce, ...changes }
}

const fields = (...names: string[]) => names.map(entry => ({ type: entry.split(' ')[0]!, name: entry.split(' ')[1]! }))
const transferFields = fields(
  'address from',
  'address to',
  'uint256 value',
  'uint256 validAfter',
  'uint256 validBefore',
  'bytes32 nonce',
)

function sign(
  message: object,
  primaryType = 'TransferWithAuthorization',
  domain: object = {},
  key = payer,
): Promise<Hex> {
  return key.signTypedData({
    domain: {
      name: 'USD Coin',
      version: '2',
      chainId: 31337,
      verifyingContract: chain.manifest.contracts.usdc,
      ...domain,
    },
    types: {
      [primaryType]:
        primaryType === 'CancelAuthorization' ? fields('address authorizer', 'bytes32 nonce') : transferFields,
    },
    primaryType,
    message: message as Record<string, unknown>,
  })
}

const argsOf = ({ from, to, value, validAfter, validBefore, nonce }: Authorization) =>
  [from, to, value, validAfter, validBefore, nonce] as const

async function submit(functionName: string, args: readonly unknown[], sender = chain.accounts.stranger) {
  const { usdc } = chain.manifest.contracts
  const { request } = await chain.publicClient.simulateContract({
    address: usdc,
    abi,
    functionName,
    args,
    account: sender,
  })
  const hash = await chain.wallet(sender).writeContract(request)
  return chain.publicClient.waitForTransactionReceipt({ hash })
}

const transfer = async (given: Authorization, signature: Promise<Hex>) =>
  submit('transferWithAuthorization', [...argsOf(given), await signature])

const read = (functionName: string, args: readonly unknown[] = []) =>
  chain.publicClient.readContract({ address: chain.manifest.contracts.usdc, abi, functionName, args })

it('moves what was signed, once, by either form of a signature', async () => {
  const before = await chain.usdcOf(payee)
  const first = authorization()
  await transfer(first, sign(first))
  const second = authorization()
  const { r, s, v } = parseSignature(await sign(second))
  await submit('transferWithAuthorization', [...argsOf(second), Number(v), r, s])
  expect((await chain.usdcOf(payee)) - before).toBe(20n)
  expect(await read('authorizationState', [payer.address, first.nonce])).toBe(true)
  await expect(transfer(first, sign(first))).rejects.toThrow('AuthorizationAlreadyUsed')
  await expect(submit('transferWithAuthorization', [...argsOf(second), Number(v), r, s])).rejects.toThrow(
    'AuthorizationAlreadyUsed',
  )
})

it.each<[string, string, () => Promise<unknown>]>([
  ['an expired one', 'AuthorizationExpired', () => both({ validBefore: 1n })],
  ['one of later', 'AuthorizationNotYetValid', () => both({ validAfter: maxUint256 - 1n })],
  ['another amount', 'InvalidSignature', () => tampered({ value: 11n })],
  ['another payee', 'InvalidSignature', () => tampered({ to: chain.accounts.stranger.address })],
  ['another payer', 'InvalidSignature', () => tampered({ from: chain.accounts.payers[1]!.address })],
  ['another nonce', 'InvalidSignature', () => tampered({ nonce: keccak256('0x') })],
  ['another chain', 'InvalidSignature', () => withDomain({ chainId: 1 })],
  ['another token', 'InvalidSignature', () => withDomain({ verifyingContract: payee })],
  ['another name', 'InvalidSignature', () => withDomain({ name: 'USDC' })],
  ['a receipt’s signature', 'InvalidSignature', () => withType('ReceiveWithAuthorization')],
  ['more than is there', 'ERC20InsufficientBalance', () => both({ value: 10n ** 18n })],
])('refuses %s, and nothing moves', async (_what, error, attempt) => {
  const before = await chain.usdcOf(payer.address)
  await expect(attempt()).rejects.toThrow(error)
  expect(await chain.usdcOf(payer.address)).toBe(before)
})

const both = (changes: Partial<Authorization>) => {
  const given = authorization(changes)
  return transfer(given, sign(given))
}
const tampered = (changes: Partial<Authorization>) => {
  const given = authorization()
  return transfer({ ...given, ...changes }, sign(given))
}
const withDomain = (domain: object) => {
  const given = authorization()
  return transfer(given, sign(given, 'TransferWithAuthorization', domain))
}
const withType = (type: string) => {
  const given = authorization()
  return transfer(given, sign(given, type))
}

it('lets the payee alone submit what is signed for receipt', async () => {
  const { stranger, settler } = chain.accounts
  const given = authorization({ to: settler.address })
  const signature = await sign(given, 'ReceiveWithAuthorization')
  await expect(submit('receiveWithAuthorization', [...argsOf(given), signature], stranger)).rejects.toThrow(
    'CallerNotPayee',
  )
  await submit('receiveWithAuthorization', [...argsOf(given), signature], settler)
  expect(await chain.usdcOf(settler.address)).toBe(10n)
})

it('forgets what its signer cancelled', async () => {
  const given = authorization()
  const cancelled = { authorizer: payer.address, nonce: given.nonce }
  const forged = await sign(cancelled, 'CancelAuthorization', {}, chain.accounts.payers[1]!)
  await expect(submit('cancelAuthorization', [payer.address, given.nonce, forged])).rejects.toThrow('InvalidSignature')
  await submit('cancelAuthorization', [payer.address, given.nonce, await sign(cancelled, 'CancelAuthorization')])
  await expect(transfer(given, sign(given))).rejects.toThrow('AuthorizationAlreadyUsed')
})

it('takes a contract’s own word for its signature (ERC-1271)', async () => {
  // Answers every call with the word that ERC-1271 wants: MSTORE(0, 0x1626ba7e << 224), RETURN(0, 32).
  const agreeable: Address = '0x0000000000000000000000000000000000001271'
  await chain.testClient.setCode({ address: agreeable, bytecode: '0x631626ba7e60e01b5f5260205ff3' })
  await chain.mintUsdc(agreeable, 10n)
  await transfer(authorization({ from: agreeable }), Promise.resolve('0x1234'))
  expect(await chain.usdcOf(agreeable)).toBe(0n)
  await chain.testClient.setCode({ address: agreeable, bytecode: '0x5f5f5260205ff3' })
  await expect(transfer(authorization({ from: agreeable, value: 0n }), Promise.resolve('0x1234'))).rejects.toThrow(
    'InvalidSignature',
  )
})

it('is made by its minters only, and says what it is', async () => {
  await expect(submit('mint', [payee, 1n])).rejects.toThrow('NotMinter')
  const { owner, keeper } = chain.accounts
  await submit('setMinter', [keeper.address, true], owner)
  await submit('mint', [payee, 1n], keeper)
  await submit('setMinter', [keeper.address, false], owner)
  await expect(submit('mint', [payee, 1n], keeper)).rejects.toThrow('NotMinter')
  await expect(submit('setMinter', [keeper.address, true], keeper)).rejects.toThrow('OwnableUnauthorizedAccount')
  expect([await read('name'), await read('version'), await read('symbol'), await read('decimals')]).toEqual([
    'USD Coin',
    '2',
    'testUSDC',
    6,
  ])
  expect(await read('NOTICE')).toContain('no value')
})
