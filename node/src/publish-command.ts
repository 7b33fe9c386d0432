/** Reads `computepool publish`'s arguments, says what it would cost, and stores a pack's parts. `pack --publish 0g` runs it too. */
import { fileURLToPath } from 'node:url'
import { ComputePoolError } from '@computepool/shared/errors'
import { formatEther } from 'viem'
import { fromHere } from './from-here.ts'
import { openTarget, type StorageTarget } from './publish/open-target.ts'
import { type PublishValues, publishOptions } from './publish/publish-options.ts'
import { type PublishPlan, planPublish, publishPack } from './publish/publish-pack.ts'
import { readOptions, usageOf } from './read-options.ts'

const HELP = `computepool publish DIR

Stores the parts of the pack in DIR on 0G Storage and writes DIR/0g.json, which tells where they are. Tabs and nodes then fetch a part
there where the pool itself does not give it. What is stored already is neither sent nor paid again; if a run stops half-way, run the
same command again.

--chain NAME    embedded (default; a stand-in on this machine), 0g-galileo, 0g-mainnet, or an RPC's URL
--rpc URL       another endpoint for a chain that has a name
--storage URL   the indexer. Default: 0G's own; on the embedded chain the stand-in
--gateway URL   what tabs are told to ask, as often as there are gateways. Default: the indexer, or the stand-in
--first         tabs ask gateways before the pool
--yes           pay: without it, on a chain that is not one's own, the cost is printed and nothing is sent
--dry-run       print the cost and send nothing
--data DIR      where it is kept what was paid. Default: COMPUTEPOOL_DATA, or .computepool beside the code
--json          one JSON object a line
--help          this text

On other chains than the embedded one COMPUTEPOOL_STORAGE_KEY pays. Nothing else may send from that key
meanwhile. It pays at 0G's own contract alone (another: COMPUTEPOOL_STORAGE_FLOW), and at most COMPUTEPOOL_STORAGE_MOST_WEI for each
256 bytes (default: 345700000000, ten times what was seen).`

const defaultDataDir = fileURLToPath(new URL('../../.computepool', import.meta.url))

export async function publishCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  if (values.help) {
    console.log(HELP)
    return
  }
  const [packDir, ...rest] = positionals
  if (packDir === undefined || rest.length > 0) throw usage('publish takes one folder.')
  const stop = new AbortController()
  process.once('SIGINT', () =>
    stop.abort(new ComputePoolError('input_invalid', 'Stopped.', { remedy: 'Run the same command again to go on.' })),
  )
  await publishFolder(fromHere(packDir), values, stop.signal)
}

/** Errors: those of the chain, the storage and the pack. */
export async function publishFolder(packDir: string, values: PublishValues, signal: AbortSignal): Promise<void> {
  const say = (text: string) => void (values.json || process.stderr.write(`${text}\n`))
  const target = await openTarget({
    chain: values.chain,
    rpcUrl: values.rpc,
    storageUrl: values.storage,
    dataDir: fromHere(values.data ?? process.env.COMPUTEPOOL_DATA ?? defaultDataDir),
    environment: process.env,
    onNotice: say,
  })
  try {
    const gateways = values.gateway?.map(gatewayOf) ?? [gatewayOf(target.gateway)]
    const { chainId, isStandIn } = target
    const plan = await planPublish(packDir, { chainId, isStandIn, gateways, isFirst: values.first }, target.network.has)
    const isPaid = await tellCost(plan, target, values, say)
    if (!isPaid) return
    let toldAt = -1
    await publishPack(plan, {
      store: target.store,
      signal,
      onProgress({ part, doneBytes, totalBytes }) {
        if (values.json) return console.log(JSON.stringify({ type: 'progress', part, doneBytes, totalBytes }))
        const percent = Math.floor((100 * doneBytes) / totalBytes)
        if (percent === toldAt) return
        toldAt = percent
        say(`${String(percent).padStart(3)}%  ${part}  ${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB`)
      },
    })
    const { model, parts } = plan.manifest
    const where = isStandIn ? 'a stand-in of 0G Storage on one machine, no network' : '0G Storage'
    console.log(
      values.json
        ? JSON.stringify({ type: 'published', model, parts: parts.length, gateways, isStandIn, chainId })
        : `Published ${model}: ${parts.length} parts, at ${gateways.join(', ')} (${where}).`,
    )
  } finally {
    await target.close()
  }
}

/** Whether to go on. On somebody else's chain only after a word that it may cost. */
async function tellCost(
  plan: PublishPlan,
  target: StorageTarget,
  values: PublishValues,
  say: (text: string) => void,
): Promise<boolean> {
  const isOwn = values.chain === 'embedded'
  const bytes = plan.missing.reduce((sum, part) => sum + part.sizeBytes, 0)
  const { storageWei, gasWei } = await target.network.costOf(plan.sizes)
  const isSent = !values['dry-run'] && (isOwn || values.yes || plan.sizes.length === 0)
  const cost = { files: plan.sizes.length, bytes, storageWei: String(storageWei), gasWei: String(gasWei) }
  if (values.json) console.log(JSON.stringify({ type: 'cost', ...cost, payer: target.payer, isSent }))
  else {
    say(
      `${plan.kept.length} of ${plan.manifest.parts.length} parts are stored. ${cost.files} files, ${megabytes(bytes)} MB: ` +
        `${formatEther(storageWei)} for storage and about ${formatEther(gasWei)} for gas, of ${target.chainName}'s coin, from ${target.payer}.`,
    )
  }
  if (!isSent && !values.json) console.log('Nothing was sent. Run it with --yes, and without --dry-run, to pay.')
  return isSent
}

/** Without a slash at the end. */
function gatewayOf(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username && !url.password) {
    return url.href.replace(/\/+$/, '')
  }
  throw usage(`"${text.slice(0, 200)}" is no gateway's address.`)
}

const readArguments = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      ...publishOptions,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

const usage = usageOf('publish')

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
