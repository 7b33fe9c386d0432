/** The execution providers that this build of onnxruntime-node has, best guess first. Whether one runs here is found by running it. */
import { listSupportedBackends } from 'onnxruntime-node'
import type { NativeProvider } from './native-runtime.ts'

const tried: readonly NativeProvider[] = ['cpu', 'cuda', 'webgpu']

export function listProviders(): NativeProvider[] {
  const names = new Set(listSupportedBackends().map(({ name }) => name))
  return tried.filter(provider => names.has(provider))
}
