#!/usr/bin/env node
// The installed command: node/src/cli.ts, which is TypeScript, through tsx.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const tsx = createRequire(import.meta.url).resolve('tsx/cli')
const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const { status, signal } = spawnSync(process.execPath, [tsx, cli, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
