#!/usr/bin/env node
// Starts the command line under Node 24: the one that runs now, or the one that `npm ci` brought.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const main = join(root, 'src/cli/main.ts')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(main)
} else {
  const node = join(root, 'node_modules/node/bin/node')
  if (!existsSync(node)) {
    console.error(`pollux: needs Node 24 or later, got ${process.versions.node}\nhint: npm ci brings it`)
    process.exit(1)
  }
  // The child shares the terminal and gets Ctrl-C itself; the parent only waits for it.
  process.on('SIGINT', () => {})
  const child = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exit(child.status ?? 128 + constants.signals[child.signal ?? 'SIGKILL'])
}
