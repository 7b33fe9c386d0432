import { expect, test } from 'vitest'
import { writeAuditedPack } from '../harness/audited-swarm.ts'
import { demoCheat } from './demo-cheat.ts'

test('the demo of a cheat names who was caught, how far off it was, and the right answer after it', async () => {
  const pack = await writeAuditedPack()
  try {
    const lines: string[] = []
    const { caught, check, text, wholeText, route } = await demoCheat(pack.dir, 'Hi', 8, line => lines.push(line))
    expect(text).toBe(wholeText)
    expect(route).not.toContain(caught.operator)
    expect(check.over).toBe(check.positions)
    expect(check.worst).toBeGreaterThan(1000 * check.tolerance)
    const words = lines.join('\n')
    expect(words).toContain(`${caught.operator} was caught`)
    expect(words).toContain('nothing was slashed')
  } finally {
    await pack.remove()
  }
})
