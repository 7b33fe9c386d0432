// Any OpenAI client: the session's token is its API key. Needs `npm install openai` besides.
import { findPool, formatUsdc } from '@computepool/sdk'
import OpenAI from 'openai'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

const pool = await findPool(process.env.POOL_URL ?? 'http://127.0.0.1:8080')
const account = privateKeyToAccount(process.env.PAYER_KEY ?? generatePrivateKey())
if (pool.terms.mode === 'paid' && pool.terms.hasFaucet) await pool.askFaucet(account.address)
const session = await pool.openSession({ account, cap: '0.10' })

const { openAiBaseUrl: baseURL, token, headers: defaultHeaders } = session
const openai = new OpenAI({ baseURL, apiKey: token ?? 'free', defaultHeaders })
const messages = [{ role: 'user', content: 'Who draws the next token?' }]
const completion = await openai.chat.completions.create({ model: pool.model, messages, max_tokens: 48 })
console.log(completion.choices[0].message.content)

const receipt = await session.close()
console.log(`Paid ${formatUsdc(receipt.paidAtomic)} USDC for ${receipt.requests.length} request.`)
