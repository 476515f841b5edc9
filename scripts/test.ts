// `npm test`: every check in order, each named and timed; the first failure stops.
//
// The suite runs three times: with the instruction set this CPU is best at, with avx2, and with the scalar twins;
// kernels and ops once more on emulated AMX tiles. The closing line sums the runs, from vitest's own JSON reports. A CPU
// that lacks a set skips its run and says so.
// `node scripts/test.ts types unit` runs only the steps named.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files.ts'

interface Step {
  name: string
  /** Arguments of node: every tool is started by this same Node, whatever the PATH holds. */
  args: string[]
  env?: Record<string, string>
  /** Name of the vitest report this step writes. */
  report?: string
}

/** Tests that are not repeated under a forced instruction set, and why. */
const onceOnly: Readonly<Record<string, string>> = {
  'scripts/**': 'no kernel runs in them',
  'test/house/**': 'no kernel runs in them',
  'studio/**': 'no kernel runs in them',
  'test/e2e/studio*': 'no kernel runs in them',
}

const bin = (path: string) => join(root, 'node_modules', path)
const vitest = (report: string, ...rest: string[]) => [
  bin('vitest/vitest.mjs'),
  'run',
  '--passWithNoTests',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportPath(report)}`,
  ...rest,
]
const excludes = Object.keys(onceOnly).map((glob) => `--exclude=${glob}`)

const steps: Step[] = [
  { name: 'format', args: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
  { name: 'lint', args: [bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { name: 'types', args: [bin('typescript/bin/tsc'), '--noEmit'] },
  { name: 'types-studio', args: [bin('typescript/bin/tsc'), '--noEmit', '-p', join(root, 'studio')] },
  { name: 'layers', args: [join(root, 'scripts/checkLayers.ts')] },
  { name: 'sizes', args: [join(root, 'scripts/sizeReport.ts')] },
  { name: 'tests', args: vitest('tests'), report: 'tests' },
  { name: 'tests-avx2', args: vitest('avx2', ...excludes), env: { POLLUX_ISA: 'avx2' }, report: 'avx2' },
  { name: 'tests-scalar', args: vitest('scalar', ...excludes), env: { POLLUX_ISA: 'scalar' }, report: 'scalar' },
  {
    name: 'tests-amxemu',
    args: vitest('amxemu', 'src/native', 'src/ops', 'test/golden'),
    env: { POLLUX_ISA: 'amxemu' },
    report: 'amxemu',
  },
]

function reportPath(name: string): string {
  return join(root, 'build/test', `${name}.json`)
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** The counts of a vitest report; a report that is missing or broken counts as one failure. */
function readCounts(name: string): Counts {
  try {
    const report = JSON.parse(readFileSync(reportPath(name), 'utf8')) as Record<string, number>
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + (report.numTodoTests ?? 0),
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

/** The instruction sets this CPU can run; asked of another process, so that no failed build stops the steps before. */
function supportedIsas(): string[] {
  const script = "import('./src/native/index.ts').then(({ kernels }) => console.log(kernels.supportedIsas))"
  const env = { ...process.env, POLLUX_ISA: '' }
  const { stdout } = spawnSync(process.execPath, ['-e', script], { cwd: root, env, encoding: 'utf8' })
  return stdout.trim().split(',')
}

/** Whether a step can run here; says so where it cannot. */
function available({ name, env }: Step): boolean {
  const isa = env?.POLLUX_ISA
  if (isa === undefined || supportedIsas().includes(isa)) return true
  console.log(`\n== ${name}: skipped, this CPU cannot run ${isa} (or the addon is not built: npm run build)`)
  return false
}

function main(): void {
  const wanted = process.argv.slice(2)
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
  if (unknown.length > 0) {
    console.error(`test: no step ${unknown.join(', ')}\nhint: one of ${steps.map((step) => step.name).join(', ')}`)
    process.exit(2)
  }
  const chosen = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name))
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  rmSync(join(root, 'build/test'), { recursive: true, force: true })
  mkdirSync(join(root, 'build/test'), { recursive: true })
  let failed: string | undefined
  for (const step of chosen) {
    if (!available(step)) continue
    console.log(`\n== ${step.name}`)
    const start = performance.now()
    const { status } = spawnSync(process.execPath, step.args, {
      cwd: root,
      env: { ...process.env, ...step.env },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    console.log(`== ${step.name}: ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)`)
    if (step.report !== undefined) {
      const counts = readCounts(step.report)
      for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key]
    }
    if (status !== 0) {
      failed = step.name
      break
    }
  }
  if (failed !== undefined) console.log(`\nstopped at: ${failed}`)
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  process.exitCode = failed === undefined ? 0 : 1
}

main()
