// One question, paid by the second. POOL_URL: a pool; PAYER_KEY: a key whose account holds the pool's USDC.
import { findPool, formatUsdc } from '@computepool/sdk'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

const pool = await findPool(process.env.POOL_URL ?? 'http://127.0.0.1:8080')
const account = privateKeyToAccount(process.env.PAYER_KEY ?? generatePrivateKey())
if (pool.terms.mode === 'paid' && pool.terms.hasFaucet) await pool.askFaucet(account.address)

const session = await pool.openSession({ account, cap: '0.10' })
const answer = await session.chat({ messages: [{ role: 'user', content: 'What is ComputePool?' }], max_tokens: 64 })
console.log(answer.text)

const receipt = await session.close()
console.log(`Paid ${formatUsdc(receipt.paidAtomic)} USDC, refunded ${formatUsdc(receipt.refundedAtomic)}.`)
