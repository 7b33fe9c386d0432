/** Each state of a tab in one sentence of plain words. Pure. */
import type { PeerSnapshot, PeerStatus } from '@computepool/peer/runtime/peer-snapshot.ts'
import { nameLayers } from '../format/format-number.ts'

/** Longest wait for answers under way; an operator who has walked off wants the machine back. */
export const drainMinutes = 10

/** It serves what runs to its end, and nothing new. */
export const isFinishing = ({ isDraining, status }: PeerSnapshot): boolean => isDraining && status === 'serving'

/** A short name of the state, for the head of the panel. */
export const nameStatus = (snapshot: PeerSnapshot): string =>
  isFinishing(snapshot) ? 'Finishing' : statusNames[snapshot.status]

const statusNames: Readonly<Record<PeerStatus, string>> = {
  idle: 'Not joined',
  connecting: 'Connecting',
  probing: 'Measuring',
  'waiting-for-slice': 'Waiting for layers',
  downloading: 'Downloading',
  paused: 'Paused',
  loading: 'Loading',
  testing: 'Self-test',
  linking: 'Linking',
  serving: 'Serving',
  'standing-by': 'Standing by',
  leaving: 'Leaving',
  failed: 'Stopped',
}

/** What is happening, and why. */
export function describeStatus(snapshot: PeerSnapshot): string {
  switch (snapshot.status) {
    case 'idle':
      return 'This tab holds nothing and computes nothing.'
    case 'connecting':
      return 'Signing in with a key made for this tab.'
    case 'probing':
      return 'Timing one layer on each engine, to choose the faster and to place you well.'
    case 'waiting-for-slice':
      return 'Measured and ready. The orchestrator assigns layers as soon as the model needs a seat filled.'
    case 'downloading':
      return 'Fetching your layers. Each part is checked against its digest before use.'
    case 'paused':
      return 'The download waits. What arrived is kept.'
    case 'loading':
      return 'Building the slice on the engine.'
    case 'testing':
      return 'Comparing your layers’ results with the model’s reference values, at the sizes that serving uses.'
    case 'linking':
      return linkingWords(snapshot)
    case 'serving':
      return isFinishing(snapshot) ? finishingWords(snapshot) : heldWords(snapshot)
    case 'standing-by':
      return `${heldWords(snapshot)} You take over at once when somebody who serves them goes.`
    case 'leaving':
      return 'Closing links and giving the memory back.'
    case 'failed':
      return 'This tab no longer takes part.'
  }
}

/** Counted each second here; that nothing is left the orchestrator says. */
function finishingWords({ requests }: PeerSnapshot): string {
  if (requests === 0) return 'This tab takes no new answers, and stops as soon as the orchestrator lets it go.'
  const under = requests === 1 ? '1 answer is still under way' : `${requests} answers are still under way`
  const they = requests === 1 ? 'it is finished' : 'they are finished'
  return `${under}. This tab takes no new ones, and stops when ${they}, or ${drainMinutes} minutes after you asked.`
}

/** `You hold layers 0–3 of 6.` */
export function heldWords({ layers, modelLayers }: PeerSnapshot): string {
  if (layers === null) return 'You hold no layers.'
  if (layers.start === 0 && layers.end === modelLayers) return `You hold all ${modelLayers} layers.`
  const total = modelLayers === null ? '' : ` of ${modelLayers}`
  return `You hold ${nameLayers(layers).toLowerCase()}${total}.`
}

function linkingWords({ links, seats }: PeerSnapshot): string {
  const open = links.filter(link => link.isOpen).length
  const wanted = Math.max(links.length, seats.length > 1 ? 1 : 0)
  return `Opening direct links to the other tabs: ${open} of ${wanted} open.`
}

/** States in which the tab is on its way or serving: leaving is possible. */
export function isJoined(status: PeerStatus): boolean {
  return status !== 'idle' && status !== 'failed' && status !== 'leaving'
}
