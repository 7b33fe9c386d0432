/** The keys that every test knows by name: the same in every test, so addresses are too. They know no chain. */
import { keccak256, type PrivateKeyAccount, stringToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export interface TestAccounts {
  readonly owner: PrivateKeyAccount
  readonly settler: PrivateKeyAccount
  readonly keeper: PrivateKeyAccount
  /** Hold test USDC and native coins. */
  readonly payers: readonly PrivateKeyAccount[]
  /** Hold nothing: an operator needs no coins. */
  readonly operators: readonly PrivateKeyAccount[]
  /** Holds native coins and has no role. */
  readonly stranger: PrivateKeyAccount
}

/** The key that every test knows as `name`. */
export function testAccount(name: string): PrivateKeyAccount {
  return privateKeyToAccount(keccak256(stringToHex(`computepool test key: ${name}`)))
}

export const testAccounts: TestAccounts = {
  owner: testAccount('owner'),
  settler: testAccount('settler'),
  keeper: testAccount('keeper'),
  payers: [0, 1, 2, 3].map(index => testAccount(`payer ${index}`)),
  operators: [0, 1, 2, 3].map(index => testAccount(`operator ${index}`)),
  stranger: testAccount('stranger'),
}
