/** Loaded before a program (`--import`): answers its parent's question for its memory, after a collection. It does not keep it running. */
process.on('message', message => {
  if (message !== 'memory') return
  globalThis.gc?.()
  // Buffers that the first one found dead are freed beside it; the second waits for that.
  globalThis.gc?.()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  /** @type {import('./watched-process.ts').ProcessMemory} */
  const answer = { residentBytes: rss, heapBytes: heapUsed + arrayBuffers }
  process.send?.({ memory: answer })
})
process.channel?.unref()
