/**
 * `npm run tolerance -- --out TABLE [--figures FILE] [--quick] [--only TEXT] [--samples FOLDER] [--minutes N] [--gpu hardware] [--gpu-f16]`:
 * measures how far honest seats are from each other and cheats from honest ones, and writes the figures and the table that follows from
 * them. Cases whose samples lie in FOLDER are not measured again, so that a run cut short goes on; `--only` measures cases whose name
 * contains TEXT. On a machine with a GPU, `--gpu hardware` uses it, and `--gpu-f16` measures what it computes in f16 as well.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { packFolderParts } from '@computepool/node/engine/pack-folder-parts.ts'
import { parseToleranceTable } from '@computepool/shared/audit'
import { parseManifest } from '@computepool/shared/model'
import { measureCase } from './measure-case.ts'
import { openTab, type Tab } from './open-tab.ts'
import { planCases } from './plan.ts'
import { openRecordStore } from './record-store.ts'
import { summarise } from './summarise.ts'
import { readDemoTexts } from './texts.ts'
import { pairName, toleranceSchema } from './tolerance-data.ts'
import { tableOf } from './tolerance-table.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    figures: { type: 'string' },
    only: { type: 'string', default: '' },
    samples: { type: 'string' },
    minutes: { type: 'string', default: '600' },
    quick: { type: 'boolean', default: false },
    gpu: { type: 'string', default: 'software' },
    'gpu-f16': { type: 'boolean', default: false },
  },
})

const demoFolder = fileURLToPath(new URL('../../models/demo', import.meta.url))
const manifest = parseManifest(JSON.parse(await readFile(`${demoFolder}/pack/manifest.json`, 'utf8')))
const samples = values.samples ?? (await mkdtemp(path.join(os.tmpdir(), 'computepool-tolerance-')))
const store = await openRecordStore(samples)
const gpu = values.gpu === 'hardware' ? 'hardware' : 'software'
const tabs: Promise<Tab>[] = []
const hosts = {
  demo: { manifest, parts: packFolderParts(`${demoFolder}/pack`) },
  demoText: await readDemoTexts(demoFolder, manifest),
  openTab: () => {
    if (tabs.length === 0) tabs.push(openTab({ manifest, demoFolder: `${demoFolder}/pack`, gpu }))
    return tabs[0]!
  },
}
const deadline = Date.now() + Number(values.minutes) * 60_000
const cases = planCases({ isQuick: values.quick, hasGpuF16: values['gpu-f16'] }).filter(
  ({ name }) => name.includes(values.only) && !store.has(name),
)
let left = cases.length
try {
  for (const measured of cases) {
    if (Date.now() > deadline) break
    const started = Date.now()
    await store.save(await measureCase(measured, hosts))
    left -= 1
    console.error(`${measured.name}: ${((Date.now() - started) / 1000).toFixed(1)} s, ${left} cases left`)
  }
} finally {
  for (const tab of tabs) await (await tab).close()
}

const [cpu] = os.cpus()
const facts = {
  date: new Date().toISOString().slice(0, 10),
  device: `${cpu?.model.trim() ?? 'unknown processor'}, ${os.platform()} ${os.arch()}`,
}
const data = toleranceSchema.parse(summarise(await store.readAll(), facts))
for (const { producer, auditor, metric, layers, threshold } of data.thresholds)
  console.error(`${pairName(producer, auditor).padEnd(28)} ${metric.padEnd(8)} ${layers} layers: ${threshold}`)
const crossed = data.proof.reduce((sum, each) => sum + each.crossed, 0)
console.error(`${crossed} of ${data.proof.reduce((sum, { rows }) => sum + rows, 0)} honest rows of the proof crossed.`)
/** Each item of a list on a line of its own, from which the formatter breaks only what is too long. */
const write = (file: string, json: object) => {
  const lines = Object.entries(json).map(([key, value]) => {
    const items = Array.isArray(value)
      ? `[\n${value.map(item => JSON.stringify(item)).join(',\n')}\n]`
      : JSON.stringify(value)
    return `${JSON.stringify(key)}: ${items}`
  })
  return writeFile(file, `{\n${lines.join(',\n')}\n}\n`)
}
if (values.figures !== undefined) await write(values.figures, data)
if (values.out !== undefined) await write(values.out, parseToleranceTable(tableOf(data)))
if (values.samples === undefined) await rm(samples, { recursive: true })
process.exit(crossed > 0 ? 1 : 0)
