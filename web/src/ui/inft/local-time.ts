/** A time of the chain, in seconds, as the reader's own clock and language have it. */
export const localTime = (seconds: number): string => new Date(seconds * 1000).toLocaleString()
