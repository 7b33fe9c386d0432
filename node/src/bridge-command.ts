/** `computepool bridge`: wires arguments, terminal and signals to one relay. What it passes on it leaves to others. */
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import { maxParcelBytes } from '@computepool/shared/datagram'
import { ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import { createAxlClient } from './axl/axl-client.ts'
import { type BridgeSettings, bridgeHelp, readBridgeArguments } from './bridge/bridge-arguments.ts'
import { type BridgeLog, createBridgeLog } from './bridge/bridge-log.ts'
import { runBridge } from './bridge/run-bridge.ts'
import { createNodeRtc } from './links/node-rtc.ts'
import { openSocket } from './operator/open-socket.ts'
import { runToEnd } from './run-to-end.ts'
import { openNodeKey } from './wallet/open-node-key.ts'

const drainMs = 60_000

export const bridgeCommand = (args: readonly string[]): Promise<void> => runToEnd(args, run, exitCodeOf)

/** systemd and others decide by it whether another start can help. */
function exitCodeOf({ code }: ComputePoolError): number {
  if (code === 'peer_version_refused' || code === 'peer_unauthenticated') return 3
  return code.startsWith('input_') ? 2 : 1
}

async function run(args: readonly string[]): Promise<number> {
  const { isHelp, json, settings } = readBridgeArguments(args, process.env)
  if (isHelp) {
    console.log(bridgeHelp)
    return 0
  }
  const log = createBridgeLog({
    json,
    write: text => void process.stdout.write(text),
    nowMs: () => performance.now(),
  })
  await serve(settings, log)
  return 0
}

/** Resolves when the bridge has left; rejects with what it failed of. */
async function serve(settings: BridgeSettings, log: BridgeLog): Promise<void> {
  const { url, axlUrl } = settings
  const key = await openNodeKey({ ...settings, env: process.env })
  const client = axlUrl === null ? null : createAxlClient({ url: axlUrl, maxReceiveBytes: maxParcelBytes })
  const daemon = (await client?.topology()) ?? null
  const through = daemon ? `AXL ${daemon.key.slice(0, 16)}… at ${axlUrl} (${daemon.peers} peers)` : 'no AXL'
  log.note(
    {
      type: 'bridge-started',
      url,
      address: key.address,
      keySource: key.source,
      axl: daemon && { url: axlUrl, ...daemon },
    },
    `Joining ${url} as ${key.address} (${key.source}), with ${through}.`,
  )
  let failed = (_error: ErrorData): void => {}
  const failure = new Promise<never>((_, reject) => {
    failed = ({ code, message, remedy, context }) => reject(new ComputePoolError(code, message, { remedy, context }))
  })
  const bridge = runBridge({
    clock: hostClock,
    entropy: hostEntropy,
    key,
    agent: `computepool bridge (${process.platform} ${process.arch}, Node ${process.versions.node})`,
    pageUrl: url,
    openSocket: () => openSocket(url),
    openLinks: self => createNodeRtc({ self, clock: hostClock, limits: { maxFrameBytes: maxParcelBytes } }),
    axl: client && daemon && { client, key: daemon.key },
    tell(snapshot) {
      log.show(snapshot)
      if (snapshot.status === 'failed' && snapshot.error !== null) failed(snapshot.error)
    },
    onNotice: text => log.note({ type: 'notice', text }, text),
  })
  const drain = (): Promise<void> => {
    const deadlineSeconds = drainMs / 1000
    log.note(
      { type: 'bridge-draining', deadlineSeconds },
      `Finishing what runs, for ${deadlineSeconds} s at most. Once more to leave at once.`,
    )
    return bridge.drain(drainMs)
  }
  await Promise.race([untilSignals(drain, bridge.leave), failure])
  log.note({ type: 'bridge-left' }, 'The desk knows that this bridge is gone.')
}

/** `first` answers the first signal, `second` the second; a third ends the process. */
function untilSignals(first: () => Promise<void>, second: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = 0
    const hear = (): void => {
      heard += 1
      if (heard > 2) process.exit(130)
      ;(heard === 1 ? first : second)().then(resolve, reject)
    }
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, hear)
  })
}
