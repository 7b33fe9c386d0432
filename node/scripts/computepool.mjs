#!/usr/bin/env node
// The installed command: node/src/cli.ts, which is TypeScript, through tsx. In this process, so that a signal reaches what it is for.
import { register } from 'tsx/esm/api'

register()
await import('../src/cli.ts')
