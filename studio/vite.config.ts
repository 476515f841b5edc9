// How the studio is built: one page, one script, one style sheet, nothing from anywhere else. Run by `npm run build:studio`.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // inlined files would need data: in the policy, and the preload helper is for pages of many scripts
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 700,
  },
  // `vite studio` for work on it: the routes are those of a server started beside (npx pollux serve)
  server: {
    proxy: Object.fromEntries(
      ['/studio-api', '/v1beta', '/upload'].map((path) => [path, process.env.POLLUX_SERVER ?? 'http://127.0.0.1:8000']),
    ),
  },
})
