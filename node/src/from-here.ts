/** A path as the caller means it: npm runs scripts in the package's root, and says where the caller was. */
import { resolve } from 'node:path'

/** Absolute. `env` is the process's own unless told otherwise. */
export function fromHere(path: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  return resolve(env.INIT_CWD ?? process.cwd(), path)
}
