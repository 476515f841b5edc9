// `pollux bench serve`: the flags of the load generator; the work is in benchServeRun.ts, loaded when the command runs.
import type { Command } from 'commander'
import { nonNegativeNumber, oneOf, positiveNumber, wholeNumber } from './flags.ts'
import { UsageError } from './usage.ts'

/** Flags of `pollux bench serve` as commander hands them over. */
export interface BenchServeFlags {
  url: string
  apiKey?: string
  protocol: 'openai' | 'gemini'
  model?: string
  requests: number
  concurrency: number
  rate?: number
  promptTokens: number
  outputTokens: number
  sharedPrefix: number
  stream: boolean
  temperature: number
  timeout: number
  goodput?: Goodput
  seed: number
  json?: boolean
}

/** Milliseconds that a request must keep to count. */
export type Goodput = Partial<Record<'ttft' | 'tpot' | 'e2e', number>>

const examples = `
Measures:
  TTFT      from sending a request to its first output       ITL   between two outputs of one stream
  TPOT      (end - first output) / (output tokens - 1)       E2E   from sending to the end
  goodput   requests a second that keep every limit of --goodput

Without --rate, --concurrency requests are always under way (closed loop). With it, requests arrive at random moments (Poisson),
whether the server keeps up or not (open loop). The same --seed asks the same prompts again, which a prefix cache answers faster:
change it to measure cold prompts.

Examples:
  $ npx pollux bench serve                                           64 requests, 8 at a time, over the OpenAI API
  $ npx pollux bench serve --protocol gemini --concurrency 16        the same server over the Gemini API
  $ npx pollux bench serve --rate 4 --goodput ttft:500,tpot:50       four a second; how many are served well
  $ npx pollux bench serve --prompt-tokens 2048 --shared-prefix 0.9  what the prefix cache buys
  $ npx pollux bench serve --no-stream --json > result.json          whole answers, for a program to read
`

/** Adds `bench` with its only command. */
export function addBench(program: Command): void {
  const bench = program
    .command('bench')
    .description('measure a server under load')
    .helpCommand(false)
    .addHelpText('after', '\nExamples:\n  $ npx pollux bench serve --help   what it measures, and how it is told to\n')
  bench
    .command('serve')
    .description('send requests to a server and print its latencies and throughput')
    .option('--url <url>', 'address of the server', httpUrl, 'http://127.0.0.1:8000')
    .option('--api-key <key>', 'key to send')
    .option('--protocol <name>', 'openai or gemini', oneOf('--protocol', ['openai', 'gemini']), 'openai')
    .option('--model <id>', "model to ask (default: the server's first)")
    .option('--requests <n>', 'requests in all', wholeNumber('--requests', 1, 1_000_000), 64)
    .option('--concurrency <n>', 'requests under way at once', wholeNumber('--concurrency', 1, 4096), 8)
    .option('--rate <n>', 'requests a second, at random moments, instead of --concurrency', positiveNumber('--rate'))
    .option('--prompt-tokens <n>', 'tokens of a prompt, about', wholeNumber('--prompt-tokens', 1, 2 ** 20), 256)
    .option('--output-tokens <n>', 'tokens of an answer, at most', wholeNumber('--output-tokens', 1, 2 ** 16), 64)
    .option('--shared-prefix <share>', 'share of a prompt that all begin with, 0 to 1', shareOrNone, 0)
    .option('--no-stream', 'ask for whole answers')
    .option('--temperature <t>', 'of sampling; 0: the likeliest', nonNegativeNumber('--temperature'), 0)
    .option('--timeout <s>', 'seconds after which a request has failed', positiveNumber('--timeout'), 600)
    .option('--goodput <limits>', 'milliseconds to keep, like ttft:500,tpot:50,e2e:5000', goodputLimits)
    .option('--seed <n>', 'seed of prompts and arrivals', wholeNumber('--seed', 0, 2 ** 31 - 1), 0)
    .option('--json', 'print one object')
    .addHelpText('after', examples)
    .action(async (flags: BenchServeFlags) => {
      const { runBenchServe } = await import('./benchServeRun.ts')
      await runBenchServe(flags)
    })
}

function httpUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '')) {
    throw new UsageError(`--url: must be an address like http://127.0.0.1:8000, got ${JSON.stringify(text)}`)
  }
  return text.replace(/\/+$/, '')
}

function shareOrNone(text: string): number {
  const value = nonNegativeNumber('--shared-prefix')(text)
  if (value > 1) throw new UsageError(`--shared-prefix: must be from 0 to 1, got ${JSON.stringify(text)}`)
  return value
}

function goodputLimits(text: string): Goodput {
  const limits: Goodput = {}
  for (const part of text.split(',')) {
    const [, name, value] = /^\s*(ttft|tpot|e2e):(\d+(?:\.\d+)?)\s*$/.exec(part) ?? []
    if (name === undefined) {
      throw new UsageError(`--goodput: must be limits like ttft:500,tpot:50,e2e:5000, got ${JSON.stringify(text)}`)
    }
    limits[name as keyof Goodput] = Number(value)
  }
  return limits
}
