/**
 * Builds and serves the page. Every response carries the isolation headers: WASM threads need `crossOriginIsolated`. In
 * development the orchestrator runs beside it, on port 8080 unless COMPUTEPOOL_ORIGIN says otherwise.
 */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const orchestrator = process.env.COMPUTEPOOL_ORIGIN ?? 'http://127.0.0.1:8080'
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}
const proxy = {
  '/v1': orchestrator,
  '/api': orchestrator,
  '/packs': orchestrator,
  '/signal': { target: orchestrator, ws: true },
}

export default defineConfig({
  root: 'web',
  plugins: [react()],
  worker: { format: 'es' },
  server: { headers: isolation, proxy },
  preview: { headers: isolation, proxy },
  // Its wasm is found beside its own module: pre-bundling would move the one without the other.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  build: { outDir: 'dist', emptyOutDir: true, target: 'esnext', assetsInlineLimit: 0 },
})
