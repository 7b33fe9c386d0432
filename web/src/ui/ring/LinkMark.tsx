/** One shape for each kind of link, so that kinds can be told apart without colour: a dot, a diamond, a ring with a dot. */
import type { LinkKind } from '@computepool/shared/ports'

export function LinkMark({ kind }: { kind: LinkKind }) {
  return <path className={`link-mark is-${kind}`} d={markPaths[kind]} fillRule="evenodd" />
}

/** Round 0, 0, at most 4 units from it. */
const markPaths: Readonly<Record<LinkKind, string>> = {
  webrtc: circlePath(2.6),
  axl: 'M 0 -4 L 4 0 L 0 4 L -4 0 Z',
  relay: `${circlePath(4)} ${circlePath(2.8)} ${circlePath(1.2)}`,
  loopback: 'M -2.4 -2.4 H 2.4 V 2.4 H -2.4 Z',
}

function circlePath(radius: number): string {
  return `M 0 ${-radius} A ${radius} ${radius} 0 1 1 0 ${radius} A ${radius} ${radius} 0 1 1 0 ${-radius} Z`
}
