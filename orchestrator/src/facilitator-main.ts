/**
 * `npm run facilitator`: the x402 facilitator alone, for one chain, for resource servers of other people too. It holds the settler's key
 * and nothing else; vouchers for the vaults that it is told of open sessions, all others are plain transfers.
 */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { knownChain } from '@computepool/contracts/chain'
import { ComputePoolError } from '@computepool/shared/errors'
import { createAdaptorServer } from '@hono/node-server'
import { createPublicClient, type Hex, http, type PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { errorResponse } from './api/openai-routes.ts'
import { createSignerQueue } from './chain/signer-queue.ts'
import { createSignerStore } from './chain/signer-store.ts'
import { hostClock } from './host.ts'
import { facilitatorRoutes } from './payments/facilitator-routes.ts'
import { openPendingSettlements } from './payments/pending-settlements.ts'
import { createFacilitator } from './payments/x402-facilitator.ts'
import { redactedFault } from './redact-urls.ts'
import { openDatabase } from './store/database.ts'

const help = `Usage: npm run facilitator -- --chain NAME [options]

Serves x402 version 2 (POST /verify, POST /settle, GET /supported) for one chain.

  --chain NAME     0g-galileo, or an RPC's URL
  --vault ADDRESS  a StreamVault whose vouchers open sessions; may be given more than once
  --port N         port (default: 4021)
  --host ADDRESS   address to listen on (default: 127.0.0.1)
  --data DIR       where pending transactions are kept (default: .computepool/facilitator)

Environment: COMPUTEPOOL_SETTLER_KEY (0x and 64 hex digits), COMPUTEPOOL_FACILITATOR_KEY (what callers send as Bearer; 16 characters or more).`

const invalid = (message: string): ComputePoolError =>
  new ComputePoolError('input_invalid', message, { remedy: 'See `npm run facilitator -- --help`.' })

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      chain: text,
      vault: { type: 'string', multiple: true },
      port: text,
      host: text,
      data: text,
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return console.log(help)
  const key = process.env.COMPUTEPOOL_SETTLER_KEY ?? ''
  const bearer = process.env.COMPUTEPOOL_FACILITATOR_KEY ?? ''
  if (values.chain === undefined) throw invalid('--chain is missing.')
  if (!/^0x[0-9a-f]{64}$/i.test(key)) throw invalid('COMPUTEPOOL_SETTLER_KEY must be a private key.')
  if (!/^[\x21-\x7e]{16,300}$/.test(bearer)) throw invalid('COMPUTEPOOL_FACILITATOR_KEY needs 16 visible characters.')
  const vaults = values.vault ?? []
  const stranger = vaults.find(vault => !/^0x[0-9a-f]{40}$/i.test(vault))
  if (stranger !== undefined) throw invalid(`--vault is "${stranger}", which is no address.`)

  const dataDir = resolve(process.env.INIT_CWD ?? '.', values.data ?? '.computepool/facilitator')
  mkdirSync(dataDir, { recursive: true })
  const { chain, settings, url } = await knownChain(values.chain, process.env.COMPUTEPOOL_RPC_URL)
  const { db, close } = await openDatabase({ dataDir })
  const { tipFloorWei, pollingIntervalMs: pollingInterval } = settings
  const client = createPublicClient({ chain, transport: http(url), pollingInterval, cacheTime: 0 }) as PublicClient
  const store = createSignerStore(db)
  const account = privateKeyToAccount(key as Hex)
  const settler = createSignerQueue({ client, account, chainId: chain.id, store, clock: hostClock, tipFloorWei })
  const facilitator = createFacilitator({
    chainId: chain.id,
    client,
    settler,
    vaults: vaults as Hex[],
    isPlainAllowed: true,
    pendingStore: openPendingSettlements(join(dataDir, 'settlements.json'), () => Date.now()),
  })
  const routes = facilitatorRoutes(facilitator, bearer)
  routes.onError(errorResponse)
  const server = createAdaptorServer({ fetch: routes.fetch }) as Server
  server.listen(Number(values.port ?? 4021), values.host ?? '127.0.0.1')
  await once(server, 'listening')
  const { address, port } = server.address() as AddressInfo
  console.log(
    `The facilitator for ${chain.name} (eip155:${chain.id}) serves http://${address}:${port} as ${account.address}.`,
  )
  const stop = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await settler.close()
    await close()
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop())
}

main().catch((thrown: unknown) => {
  const isTold = thrown instanceof ComputePoolError
  console.error(redactedFault(isTold ? `${thrown.message} ${thrown.remedy}` : thrown))
  process.exitCode = 1
})
