#!/usr/bin/env node
// Starts the command line under Node 24: the one that runs now, or the one that `npm ci` brought.
import { spawn } from 'node:child_process'
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
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // The child shares the terminal and gets Ctrl-C itself; the parent waits for it, and passes on what it alone got.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', ({ message }) => {
    console.error(
      `pollux: needs Node 24 or later, got ${process.versions.node}, and ${message}\nhint: npm ci brings it`,
    )
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
