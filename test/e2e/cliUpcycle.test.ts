// --routing and --upcycle from the command line: a dense run, a sparse one from it, and mistakes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Outcome, pollux, tinyText } from './pollux.ts'

let folder: string
let dense: Outcome
const train = (...args: string[]): Promise<Outcome> => pollux(['train', ...args], { cwd: folder })
const losses = (run: Outcome): number[] =>
  run
    .objects()
    .slice(0, -1)
    .map((step) => step.lossBitsPerByte as number)
const configOf = (run: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, 'runs', run, 'checkpoint/config.json'), 'utf8')) as Record<string, unknown>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText())
  const micro = ['--data', 'text.md', '--preset', 'micro', '--routing', 'experts=0']
  dense = await train(...micro, '--steps', '30', '--run', 'dense', '--json')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('goes on from a dense run with experts, where it stood', async () => {
  expect([dense.code, configOf('dense').enable_moe_block]).toEqual([0, false])
  const routing = 'experts=4,balance=bias,capacity=1.5'
  const sparse = await train('--upcycle', 'dense', '--routing', routing, '--steps', '3', '--run', 'sparse', '--json')
  expect([sparse.code, sparse.stderr]).toEqual([0, ''])
  expect(losses(sparse)[0]).toBeLessThan(0.5 * (losses(dense)[0] + losses(dense)[29]))
  expect(configOf('sparse')).toMatchObject({
    ...{ num_experts: 4, top_k_experts: 2, moe_intermediate_size: 32, intermediate_size: 32, router_aux_loss_coef: 0 },
    routing: { balance: 'bias', capacity: 1.5 },
  })
  const on = await train('--resume', '--run', 'sparse', '--steps', '4', '--json')
  expect([on.code, on.objects().at(-1)!.step]).toEqual([0, 4])
})

it('says that experts choose in training only', async () => {
  const flags = ['--data', 'text.md', '--preset', 'micro', '--steps', '1', '--run', 'choice']
  const { code, stdout } = await train(...flags, '--routing', 'choice=expert')
  expect(code).toBe(0)
  expect(stdout).toContain('experts choose their tokens in training only')
})

it.each([
  [['--routing', 'balanse=bias'], 2, 'pollux: --routing: routing: keys must be of experts, top-k'],
  [['--routing', 'top-k=99'], 2, 'pollux: --routing: config: top_k_experts must be at most num_experts (16), got 99'],
  [['--upcycle', 'dense', '--depth', '4'], 2, 'pollux: --upcycle: must come without --depth'],
  [['--upcycle', 'nothing'], 1, 'pollux: run: must be one of those under runs'],
  [['--upcycle', 'dense', '--context', '64', '--run', 'x'], 1, "--context must be at most the dense run's 32"],
  [['--upcycle', 'dense', '--routing', 'shared=off', '--run', 'x'], 2, 'a dense model must be given experts=N'],
  [['--resume', '--run', 'dense', '--routing', 'top-k=4'], 2, '--routing: must stay as the run began'],
])('refuses %j', async (args, code, message) => {
  const outcome = await train(...args)
  expect(outcome.stderr).toContain(message)
  expect(outcome.code).toBe(code)
})
