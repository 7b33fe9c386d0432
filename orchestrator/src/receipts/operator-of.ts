/** The wallet of a peer: a peer is a wallet and a tab of it. Lower case. */
export const operatorOf = (peer: string): string => peer.slice(0, 42).toLowerCase()
