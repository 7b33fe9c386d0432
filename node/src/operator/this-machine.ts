/** What the machine, or the container, grants this process. Reads the host; decides nothing but the default share of memory. */
import { availableParallelism, cpus, freemem } from 'node:os'

/** Of what is free: the rest is for whoever else works here, and for the caches of the disk. */
export const memoryShare = 0.5

/** Less holds no layer. */
export const leastMemoryBytes = 64e6

/** Bytes that this process could take now, a container's limit included. */
export function availableMemoryBytes(): number {
  // Since Node 20.13; typings may lag behind.
  const { availableMemory } = process as { availableMemory?: () => number }
  return availableMemory?.() || freemem()
}

export function machineFacts(): { readonly cpu: string; readonly cores: number } {
  return { cpu: cpus()[0]?.model.trim() || process.arch, cores: availableParallelism() }
}
