import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { startAuditors } from './start-auditors.ts'

it('auditors that ran well for ten minutes may fail as often again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'auditors-'))
  const program = join(folder, 'wait.mjs')
  writeFileSync(program, 'setInterval(() => {}, 60_000)\n')
  const clock = createManualClock()
  let heard = (): void => {}
  const auditors = startAuditors({
    ...{ url: 'http://127.0.0.1:1', keys: [], dataDir: folder, clock, program },
    onFault: () => heard(),
  })
  try {
    for (let turn = 0; turn < 8; turn++) {
      const pid = auditors.pid()
      expect(pid, `start ${turn}`).not.toBe(null)
      if (turn === 4) await clock.advance(600_000)
      const ended = new Promise<void>(resolve => {
        heard = resolve
      })
      process.kill(pid!, 'SIGKILL')
      await ended
      await clock.advance(10_000)
    }
  } finally {
    await auditors.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
