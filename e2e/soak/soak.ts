/** `npm run soak -- --minutes 30`: runs the soak, prints what each process kept, and fails where memory still grows in its last half, or the queue was not full. */
import { parseArgs } from 'node:util'
import { inMiB, queueLength, runSoak } from './run-soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    nodes: { type: 'string', default: '2' },
    'no-tab': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const nodes = Number(values.nodes)
if (values.help || !(minutes > 0) || !Number.isInteger(nodes) || nodes < 1) {
  console.log('Usage: npm run soak -- [--minutes 30] [--nodes 2] [--no-tab]')
  process.exit(values.help ? 0 : 2)
}
const report = await runSoak({ minutes, nodes, withTab: !values['no-tab'], onLine: line => console.error(line) })
console.log(
  `${report.whole} answers, ${report.givenUp} given up; ${report.medianQueued} of ${queueLength} waited at the median sample`,
)
for (const [name, { medianBytes, growthBytes, isGrowing }] of Object.entries(report.trends)) {
  const verdict = isGrowing ? 'GROWS' : 'flat'
  console.log(`  ${name.padEnd(24)} ${inMiB(medianBytes).padStart(8)} MiB  trend ${inMiB(growthBytes)} MiB  ${verdict}`)
}
// Memory that nothing pressed on says nothing.
const wasPressed = report.whole > 0 && report.medianQueued > 0.9 * queueLength
if (!wasPressed) console.log('The queue was not full: this proves nothing.')
process.exit(wasPressed && !Object.values(report.trends).some(({ isGrowing }) => isGrowing) ? 0 : 1)
