// Builds the native addon (build/Release/pollux.node) with node-gyp and no download of headers.
//
// npm runs this as the package's install script. The Node headers come from the npm package `node`
// (a dev dependency); the addon uses Node-API only, so it loads in any later Node as well.
// Plain JavaScript on purpose: it must run on whatever Node the machine already has.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Folder whose include/node holds node_api.h, or undefined. */
function findHeaders() {
  const bases = [join(root, 'node_modules/node/node_modules'), join(root, 'node_modules')]
  for (const base of bases) {
    if (!existsSync(base)) continue
    for (const name of readdirSync(base)) {
      const folder = join(base, name)
      if (/^node-(linux|darwin|win)/.test(name) && existsSync(join(folder, 'include/node/node_api.h'))) return folder
    }
  }
  const own = join(dirname(process.execPath), '..')
  return existsSync(join(own, 'include/node/node_api.h')) ? own : undefined
}

function works(command, args) {
  const result = spawnSync(command, args, { stdio: 'ignore' })
  return result.status === 0
}

function missingTools() {
  const missing = []
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean)
  if (!compilers.some((name) => works(name, ['--version'])))
    missing.push('a C++20 compiler (g++ 12 or later, or clang++ 15 or later)')
  if (!works('make', ['--version'])) missing.push('make')
  if (!works(process.env.PYTHON ?? 'python3', ['--version'])) missing.push('python3')
  return missing
}

function fail(lines) {
  console.error(['', 'pollux: the native addon was not built.', ...lines, ''].join('\n'))
  process.exit(1)
}

// `npx pollux` installs the checkout it stands in, and with it runs this script: what `npm ci` built is left as it is.
if (process.env.npm_command === 'exec' && existsSync(join(root, 'build/Release/pollux.node'))) process.exit(0)

const missing = missingTools()
if (missing.length > 0) {
  fail([
    `  missing: ${missing.join('; ')}`,
    '  Debian, Ubuntu:  apt-get install g++ make python3',
    '  Fedora:          dnf install gcc-c++ make python3',
    '  macOS:           xcode-select --install',
    '  then type:       npm ci',
  ])
}
const headers = findHeaders()
if (headers === undefined) {
  fail([
    '  no Node headers found: the npm package "node" (a dev dependency) brings them.',
    '  then type:  npm ci --include=dev',
  ])
}

const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
// A `nodedir` of the user's own configuration would win over the flag through the environment.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => key.toLowerCase() !== 'npm_config_nodedir'),
)
const configured = existsSync(join(root, 'build/Makefile')) && process.argv[2] !== '--clean'
const verb = configured && process.env.npm_lifecycle_event === 'build' ? 'build' : 'rebuild'
const built = spawnSync(
  process.execPath,
  [gyp, verb, `--nodedir=${headers}`, `--jobs=${cpus().length}`, '--loglevel=warn'],
  {
    cwd: root,
    env,
    stdio: 'inherit',
  },
)
if (built.status !== 0)
  fail(['  the compiler failed; its messages are above. g++ 12 or clang++ 15 is the oldest that is known to work.'])
