/** The dedicated worker of an operator tab: wires engine, transport, storage and wallet to the peer runtime. Decides nothing. */

import { openPeerTransport } from '@computepool/peer/links/open-peer-transport.ts'
import { createRtcTransport } from '@computepool/peer/links/rtc-transport.ts'
import type { PeerPowers } from '@computepool/peer/runtime/peer-powers.ts'
import { proveSlice } from '@computepool/peer/runtime/prove-slice.ts'
import { type RunningPeer, runPeer } from '@computepool/peer/runtime/run-peer.ts'
import type { PeerId } from '@computepool/shared/wire'
import { openStorages } from '../artifacts/open-storages.ts'
import { chooseEngine } from '../engine/choose-engine.ts'
import { openWebEngine } from '../engine/open-web-engine.ts'
import { probeEngines } from '../engine/probe-engines.ts'
import { createBreath, holdLock, hostClock, hostEntropy } from '../host.ts'
import { openBurnerKey } from '../wallet/burner-key.ts'
import type { PeerCommand, PeerNews } from './worker-messages.ts'

const aliveEveryMs = 2000

let tab: RunningPeer | null = null
let isHidden = false

const tell = (news: PeerNews): void => globalThis.postMessage(news)

function powersOf({ pageUrl, rtcPort }: Extract<PeerCommand, { type: 'join' }>): PeerPowers {
  return {
    clock: hostClock,
    entropy: hostEntropy,
    pageUrl,
    agent: navigator.userAgent,
    reach: { webrtc: true, axl: null },
    openKey: () => openBurnerKey(hostEntropy, globalThis.indexedDB),
    openSocket: () => new WebSocket(new URL('/signal', pageUrl).href.replace(/^http/, 'ws')) as never,
    openTransport: (peer, key) => {
      const self = peer as PeerId
      const rtc = createRtcTransport({ self, port: rtcPort, clock: hostClock })
      return openPeerTransport({ self, key, clock: hostClock, entropy: hostEntropy, rtc, axl: null })
    },
    openStorages,
    fetchBytes: (url, init) => fetch(url, init),
    async probeEngines(manifest, asked, signal) {
      const forced = asked === 'native' ? null : asked
      return chooseEngine(await probeEngines(manifest, { forced, signal }), forced)
    },
    openEngine: (kind, slice) => openWebEngine(kind === 'webgpu' ? 'webgpu' : 'wasm', slice),
    selfTest: proveSlice,
    holdAwake: () => holdLock('computepool-serving'),
    isHidden: () => isHidden,
    breathe: createBreath(),
    tell: snapshot => tell({ type: 'snapshot-changed', snapshot }),
    onEngineLost: error => tell({ type: 'engine-lost', error }),
  }
}

globalThis.onmessage = ({ data: command }: MessageEvent<PeerCommand>) => {
  switch (command.type) {
    case 'join':
      tab ??= runPeer(powersOf(command), command.options)
      setInterval(() => tell({ type: 'alive' }), aliveEveryMs)
      break
    case 'pause-download':
      tab?.pauseDownload()
      break
    case 'resume-download':
      tab?.resumeDownload()
      break
    case 'visibility-changed':
      isHidden = command.isHidden
      break
    case 'drain':
      void tab?.drain(command.deadlineMs).finally(() => tell({ type: 'left' }))
      break
    case 'leave':
      void tab?.leave().finally(() => tell({ type: 'left' }))
      break
  }
}
