/** Reads `computepool pack`'s arguments and environment, and prints what came of it. It knows no model. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Manifest, manifestSchema, packBytes } from '@computepool/shared/model'
import { fromHere } from './from-here.ts'
import { drawProgress } from './pack/draw-progress.ts'
import { packModel } from './pack/pack-model.ts'
import { publishOptions } from './publish/publish-options.ts'
import { readOptions, usageOf } from './read-options.ts'

const HELP = `computepool pack <source> --out DIR --quantisation q4|q8|f16|f32

Turns a model into a pack: one file per layer, which browser tabs download, check and run.

<source>        a folder with config.json and .safetensors files, a .gguf file,
                a URL of either, or a model of the hub: hf:Qwen/Qwen3-0.6B
                (hf:owner/name@revision for a version, hf:owner/name:file.gguf for a file)

--out DIR       where the pack goes (made where it does not exist)
--quantisation  q4: smallest. q8: nearly exact, twice the size of q4. f16, f32: unrounded. Default: q8
--model NAME    the name that the API shows. Default: the source's own
--hub URL       another hub. Default: COMPUTEPOOL_HUB_URL, or the public one
--tokenizer S   take tokenizer.json from another source (for GGUF files whose own cannot be read)
--self-test DIR take golden activations that a reference computed (selftest.json, activations/).
                Default: computed here, from the finished parts
--no-self-test  leave them out; tabs then cannot be checked when they join
--licence TEXT  what the manifest says of the model's licence
--origin TEXT   what the manifest says of the weights' origin
--publish 0g    store its parts on 0G Storage afterwards; takes the options of \`computepool publish\`
--json          one JSON object a line instead of a progress bar
--help          this text

A private or gated model needs HF_TOKEN in the environment; it is sent to the hub only.
If a run stops half-way, run the same command again: finished parts are kept.`

const quantisations = manifestSchema.shape.quantisation

export async function packCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args)
  const [source, ...rest] = positionals
  if (values.help) {
    console.log(HELP)
    return
  }
  if (source === undefined || rest.length > 0) throw usage('pack takes one source.')
  if (values.out === undefined) throw usage('--out is missing.')
  const quantisation = quantisations.safeParse(values.quantisation)
  if (!quantisation.success) throw usage(`--quantisation is "${values.quantisation}".`)

  if (values.publish !== undefined && values.publish !== '0g') throw usage(`--publish is "${values.publish}".`)
  const outDir = fromHere(values.out)
  const progress = drawProgress({
    json: values.json,
    isTerminal: process.stderr.isTTY === true,
    write: text => (values.json ? process.stdout : process.stderr).write(text),
  })
  const stop = new AbortController()
  process.once('SIGINT', () =>
    stop.abort(new ComputePoolError('input_invalid', 'Stopped.', { remedy: 'Run the same command again to go on.' })),
  )
  try {
    const { manifest, reusedParts } = await packModel({
      source: sourceFromHere(source),
      outDir,
      quantisation: quantisation.data,
      model: values.model,
      licence: values.licence,
      origin: values.origin,
      hubUrl: values.hub ?? process.env.COMPUTEPOOL_HUB_URL,
      token: process.env.HF_TOKEN,
      tokenizer: values.tokenizer === undefined ? undefined : sourceFromHere(values.tokenizer),
      selfTestDir: values['self-test'] === undefined ? undefined : fromHere(values['self-test']),
      computeGoldens: values['no-self-test']
        ? undefined
        : async (manifest, partsDir) => {
            progress.end()
            if (!values.json) process.stderr.write('Computing the self-test on this machine ...\n')
            // Loaded here only: the native runtime is large, and most calls of the command need none of it.
            const { computeGoldens } = await import('./engine/compute-goldens.ts')
            const { packFolderParts } = await import('./engine/pack-folder-parts.ts')
            return computeGoldens({ manifest, parts: packFolderParts(partsDir) })
          },
      onProgress: progress.show,
      signal: stop.signal,
    })
    progress.end()
    console.log(
      values.json
        ? JSON.stringify({ type: 'packed', ...summary(manifest), out: values.out, reusedParts })
        : sentence(manifest, values.out),
    )
    if (values.publish === undefined) return
    // Loaded here only: it brings chains along.
    const { publishFolder } = await import('./publish-command.ts')
    await publishFolder(outDir, values, stop.signal)
  } finally {
    progress.end()
  }
}

const readArguments = (args: readonly string[]) =>
  readOptions(usage, {
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      quantisation: { type: 'string', default: 'q8' },
      model: { type: 'string' },
      hub: { type: 'string' },
      tokenizer: { type: 'string' },
      'self-test': { type: 'string' },
      'no-self-test': { type: 'boolean', default: false },
      licence: { type: 'string' },
      origin: { type: 'string' },
      publish: { type: 'string' },
      ...publishOptions,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })

const usage = usageOf('pack')

/** A repository's name and an address stay as they are. */
function sourceFromHere(source: string): string {
  return /^(hf:|https?:\/\/)/i.test(source) ? source : fromHere(source)
}

function summary(manifest: Manifest) {
  return {
    model: manifest.model,
    quantisation: manifest.quantisation,
    layers: manifest.dimensions.layers,
    sizeBytes: packBytes(manifest),
  }
}

function sentence(manifest: Manifest, out: string): string {
  const { model, quantisation, layers, sizeBytes } = summary(manifest)
  return `Packed ${model}: ${layers} layers, ${quantisation}, ${(sizeBytes / 1e6).toFixed(1)} MB, in ${out}`
}
