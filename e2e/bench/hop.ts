/**
 * The hop bench: a 5 KB activation there and its token back, over every kind of link, in one run. The paths stand at once and are asked in
 * turn, block by block, so that this machine's noise hits all alike. It measures no engine.
 */
import { median } from '../harness/median.ts'
import { machineName } from './ask-pool.ts'
import { type BenchReport, benchRow } from './bench-report.ts'
import { openAxl } from './hop-axl.ts'
import { type HopPath, openLoopback } from './hop-paths.ts'
import { openNodeToNode, openTabToNode } from './hop-webrtc.ts'

const blocks = 10
const tripsPerBlock = 100
const warmUpTrips = 50

/** About half a minute on two cores. Errors: whatever a link raised; nothing is retried. */
export async function runHopBench(): Promise<BenchReport> {
  const opened: HopPath[] = []
  const keep = (path: HopPath): HopPath => {
    opened.push(path)
    console.error(`open: ${path.name}`)
    return path
  }
  try {
    const loopback = keep(openLoopback())
    const node = keep(await openNodeToNode())
    const tab = keep(await openTabToNode())
    const axl = await openAxl()
    const [send, sealed] = [keep(axl.send), keep(axl.sealed)]
    const samples = new Map(opened.map((path): [HopPath, number[]] => [path, []]))
    for (const path of opened) await path.measure(warmUpTrips)
    for (let block = 0; block < blocks; block++)
      for (const [path, all] of samples) all.push(...(await path.measure(tripsPerBlock)))
    const of = (path: HopPath): readonly number[] => samples.get(path)!
    const sendMs = median(of(send))
    return {
      suite: 'hop',
      device: `${machineName()}, node ${process.version}`,
      rows: [
        benchRow(loopback.name, 'ms', of(loopback)),
        benchRow(node.name, 'ms', of(node), { atMost: 1 }),
        benchRow(tab.name, 'ms', of(tab)),
        benchRow(sealed.name, 'ms', of(sealed)),
        benchRow(send.name, 'ms', of(send)),
        benchRow(
          'AXL: the round trip above the median of one /send',
          'ms',
          of(sealed).map(ms => ms - sendMs),
          { atMost: 5 },
        ),
      ],
    }
  } finally {
    for (const path of opened.reverse()) await path.close().catch(error => console.error(error))
  }
}
