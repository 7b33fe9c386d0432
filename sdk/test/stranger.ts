/** A stranger's program, as a compiler without this repository reads it; it is never run. */
import { type Answer, findPool, PoolError, verifyAnswer, verifyAttestation, verifyReceipt } from '@computepool/sdk'
import { createWalletClient, custom } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export async function ask(provider: Parameters<typeof custom>[0]): Promise<Answer> {
  const pool = await findPool('https://pool.example.org', { expect: { chainId: 16602 } })
  const wallet = createWalletClient({
    account: '0x0000000000000000000000000000000000000001',
    transport: custom(provider),
  })
  const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
  const session = await pool.openSession({ account: wallet, cap: '0.25' })
  await pool.openSession({ account, cap: 250_000n, signal: AbortSignal.timeout(1000) })
  try {
    for await (const piece of session.stream({ messages: [{ role: 'user', content: 'Hi' }], top_p: 0.9 })) piece.trim()
    const answer = await session.chat({ messages: [{ role: 'user', content: 'Hi' }] })
    const attestation = await verifyAttestation(pool, { verifyQuote: () => ({ isSigned: true, status: 'UpToDate' }) })
    const { verified, level } = await verifyAnswer(answer, { attestation })
    if (!verified && level !== 'simulated') throw new Error('not theirs')
    const receipt = await session.close()
    const paid: bigint = receipt.paidAtomic
    const { onChain } = await verifyReceipt(receipt, pool)
    if (onChain?.paidAtomic !== paid) throw new Error('the chain says otherwise')
    return answer
  } catch (error) {
    // @ts-expect-error kinds are a closed set
    if (error instanceof PoolError && error.kind === 'no_such_kind') throw error
    throw error
  }
}
