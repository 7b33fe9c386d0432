// An answer as it grows, under a cap; Ctrl-C, or a reader who has seen enough, stops it, and the rest of the cap comes back.
import { findPool, formatUsdc, PoolError } from '@computepool/sdk'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

const pool = await findPool(process.env.POOL_URL ?? 'http://127.0.0.1:8080')
const account = privateKeyToAccount(process.env.PAYER_KEY ?? generatePrivateKey())
if (pool.terms.mode === 'paid' && pool.terms.hasFaucet) await pool.askFaucet(account.address)
const leave = new AbortController()
process.once('SIGINT', () => leave.abort())

const session = await pool.openSession({ account, cap: process.env.CAP ?? '0.10' })
try {
  const messages = [{ role: 'user', content: 'What is ComputePool?' }]
  const stream = session.stream({ messages, max_tokens: 64 }, { signal: leave.signal })
  for await (const piece of stream) process.stdout.write(piece)
  const { finishReason, stoppedBy, usage } = await stream.answer()
  console.log(`\n(${usage.completionTokens} tokens, ended by ${stoppedBy ?? finishReason})`)
} catch (error) {
  if (error instanceof PoolError) console.error(`\n${error.kind}: ${error.message} ${error.remedy}`)
  else if (!leave.signal.aborted) throw error
} finally {
  const { paidAtomic, refundedAtomic, capAtomic } = await session.close()
  const [paid, refunded, cap] = [paidAtomic, refundedAtomic, capAtomic].map(formatUsdc)
  console.log(`Paid ${paid} + refunded ${refunded} = cap ${cap} USDC`)
}
