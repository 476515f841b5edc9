// `pollux bench serve`: sends the requests, shows how far it is, prints the table.
import { PolluxError, Rng } from '../util/index.ts'
import type { BenchServeFlags } from './benchServe.ts'
import { ask, firstModel, type LoadResult, type LoadTarget } from './benchServeClient.ts'
import { type LoadSummary, type Spread, summarise } from './benchServeStats.ts'
import { startStage } from './progress.ts'
import { openTerminal } from './terminal.ts'

const words =
  'river stone bread window garden letter copper winter ladder summer bottle harbour engine valley carpet mirror'.split(
    ' ',
  )

/** Words drawn from a list: text that any tokenizer knows, and no two prompts share by chance for long. */
function text(rng: Rng, count: number): string {
  return Array.from({ length: count }, () => words[rng.integer(words.length)]).join(' ')
}

export async function runBenchServe(flags: BenchServeFlags): Promise<void> {
  const terminal = openTerminal(process.stderr)
  const target = await targetOf(flags)
  const perWord = await tokensPerWord(target, flags.seed)
  const stage = startStage(terminal, 'sending requests')
  const results: LoadResult[] = []
  const started = performance.now()
  const sendOne = async (index: number) => {
    const result = await ask(target, promptOf(flags, index, perWord), flags.outputTokens, flags.seed + index)
    results.push(result)
    const failures = results.filter(({ failure }) => failure !== undefined).length
    stage.update(`${results.length} of ${flags.requests}${failures > 0 ? `, ${failures} failed` : ''}`)
  }
  if (flags.rate === undefined) await closedLoop(flags.requests, flags.concurrency, sendOne)
  else await openLoop(flags.requests, flags.rate, new Rng(flags.seed), sendOne)
  const seconds = (performance.now() - started) / 1000
  stage.done(`${results.length}`)
  const summary = summarise(results, seconds, flags.goodput, flags.stream)
  const { url, protocol, model, requests, concurrency, rate, promptTokens, outputTokens, sharedPrefix, stream } = flags
  const settings = {
    url,
    protocol,
    model: model ?? target.model,
    requests,
    promptTokens,
    outputTokens,
    sharedPrefix,
    stream,
  }
  const load = rate === undefined ? { concurrency } : { rate }
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...settings, ...load, ...summary })}\n`)
  else
    process.stdout.write(table(summary, target, rate === undefined ? `${concurrency} at a time` : `${rate} a second`))
  if (summary.failures > 0) process.exitCode = 1
}

async function targetOf(flags: BenchServeFlags): Promise<LoadTarget> {
  const { url, apiKey, protocol, stream, temperature, timeout } = flags
  try {
    const model = flags.model ?? (await firstModel({ url, apiKey }))
    if (model === undefined) {
      throw new PolluxError(`bench serve: ${url} must list a model, got none`, {
        hint: 'name one with --model, or give --api-key',
      })
    }
    return { url, apiKey, protocol, model, stream, temperature, timeout }
  } catch (cause) {
    if (cause instanceof PolluxError) throw cause
    const hint = 'start one with npx pollux serve, or name it with --url'
    throw new PolluxError(`bench serve: a server must answer at ${url}, got none`, { cause, hint })
  }
}

/** Tokens of a word for this server's tokenizer, from two prompts; what the template adds falls out. */
async function tokensPerWord(target: LoadTarget, seed: number): Promise<number> {
  const rng = new Rng(seed + 0x5eed)
  const counts = []
  for (const count of [16, 80]) {
    const { failure, promptTokens } = await ask(target, text(rng, count), 1, seed)
    if (failure !== undefined)
      throw new PolluxError(`bench serve: the server must answer a first request, got: ${failure}`)
    counts.push(promptTokens)
  }
  return Math.max(0.1, (counts[1] - counts[0]) / 64)
}

function promptOf(flags: BenchServeFlags, index: number, perWord: number): string {
  const count = Math.max(1, Math.round(flags.promptTokens / perWord))
  const shared = Math.min(count - 1, Math.round(count * flags.sharedPrefix))
  const own = text(new Rng(flags.seed * 1_000_003 + index + 1), count - shared)
  return shared > 0 ? `${text(new Rng(flags.seed), shared)} ${own}` : own
}

/** So many at a time until all are sent. */
async function closedLoop(
  requests: number,
  concurrency: number,
  send: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < requests) await send(next++)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, requests) }, worker))
}

/** Arrivals at random moments, waiting for nobody. */
async function openLoop(
  requests: number,
  rate: number,
  rng: Rng,
  send: (index: number) => Promise<void>,
): Promise<void> {
  const started = performance.now()
  const sent: Promise<void>[] = []
  let due = 0
  for (let index = 0; index < requests; index++) {
    const wait = due - (performance.now() - started)
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    sent.push(send(index))
    due += (-Math.log(1 - rng.uniform()) / rate) * 1000
  }
  await Promise.all(sent)
}

const number = (value: number) =>
  value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : value < 1000 ? 1 : 0 })

function table(summary: LoadSummary, target: LoadTarget, load: string): string {
  const { failures, requests, seconds, promptTokens, cachedTokens, outputTokens, goodput } = summary
  const share = promptTokens > 0 ? Math.round((100 * cachedTokens) / promptTokens) : 0
  const row = (name: string, value: string) => `${name.padEnd(28)}${value}\n`
  const lines = [
    `\n${target.model} over ${target.protocol} at ${target.url}, ${load}\n\n`,
    row('requests', `${number(requests - failures)} good, ${number(failures)} failed`),
    row('seconds', number(seconds)),
    row('requests a second', number(summary.requestsPerSecond)),
    row('prompt tokens', `${number(promptTokens)} (${share}% from the cache)`),
    row('output tokens', number(outputTokens)),
    row('output tokens a second', number(summary.outputTokensPerSecond)),
    row('all tokens a second', number(summary.totalTokensPerSecond)),
  ]
  if (goodput) {
    const limits = Object.entries(goodput.limits).map(([name, value]) => `${name} <= ${value} ms`)
    const percent = Math.round(goodput.share * 100)
    lines.push(row('goodput', `${number(goodput.requestsPerSecond)} a second (${percent}% keep ${limits.join(', ')})`))
  }
  lines.push(`\n${'ms'.padEnd(16)}${['mean', 'p50', 'p90', 'p99'].map((name) => name.padStart(11)).join('')}\n`)
  const spreads: [string, Spread | undefined][] = [
    ['TTFT', summary.ttft],
    ['ITL', summary.itl],
    ['TPOT', summary.tpot],
    ['E2E', summary.e2e],
  ]
  for (const [name, spread] of spreads) {
    if (!spread) continue
    const cells = [spread.mean, spread.p50, spread.p90, spread.p99].map((value) => number(value).padStart(11))
    lines.push(`${name.padEnd(16)}${cells.join('')}\n`)
  }
  for (const { reason, count } of summary.reasons.slice(0, 5)) lines.push(`\nfailed ${count}x: ${reason}\n`)
  return lines.join('')
}
