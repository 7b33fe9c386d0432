// Believe nobody: the answer's signature, what vouches for the pool, and the money on chain, each checked here.
import { findPool, requireVerified, verifyAnswer, verifyAttestation, verifyReceipt } from '@computepool/sdk'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

const pool = await findPool(process.env.POOL_URL ?? 'http://127.0.0.1:8080')
const account = privateKeyToAccount(process.env.PAYER_KEY ?? generatePrivateKey())
if (pool.terms.mode === 'paid' && pool.terms.hasFaucet) await pool.askFaucet(account.address)

// Of hardware: hand in verifyQuote and measurements. A test pool is simulated, and says so; that is never verified.
const attestation = await verifyAttestation(pool)
tell(`attestation by ${attestation.kind}, level ${attestation.level}`, attestation)

const session = await pool.openSession({ account, cap: '0.10' })
const answer = await session.chat({ messages: [{ role: 'user', content: 'What is ComputePool?' }], max_tokens: 64 })
const signed = await verifyAnswer(answer, { attestation })
tell(`answer, level ${signed.level}`, signed)

// RPC_URL: an endpoint of your own, where the pool's chain is a public one.
const receipt = await session.close()
const rpc = process.env.RPC_URL === undefined ? {} : { rpcUrl: process.env.RPC_URL }
const money = await verifyReceipt(receipt, pool, rpc)
tell('receipt', money)

requireVerified(money)
requireVerified(signed, { allowSimulated: true })

function tell(what, { verified, checks }) {
  console.log(`${verified ? 'verified' : 'NOT verified'}: ${what}`)
  for (const { name, ok, detail } of checks) console.log(`  ${ok ? 'passed' : 'failed'}  ${name}: ${detail}`)
}
