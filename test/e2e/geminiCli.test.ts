// Google's own Gemini CLI, unmodified and without a terminal, against the server: what a coding agent needs of it, in one program.
//
//   npm install --prefix ~/gemini-cli @google/gemini-cli
//   POLLUX_GEMINI_CLI=~/gemini-cli/node_modules/.bin/gemini npx vitest run test/e2e/geminiCli.test.ts
//
// The model is scripted, so the test knows what the program must do; prompts, routing, tools and streams are the program's own.
import { spawn } from 'node:child_process'
import { expect, describe, it } from 'vitest'
import type { EngineRequest } from '../../src/inference/index.ts'
import { tempFolder } from '../../src/testing/index.ts'
import { says, scriptedServer, type ScriptedServerOptions, tokenizer } from './scriptedServer.ts'

const program = process.env.POLLUX_GEMINI_CLI
if (program === undefined) {
  process.stderr.write('gemini cli: not tested, POLLUX_GEMINI_CLI does not name one (npm install @google/gemini-cli)\n')
}

/** A system prompt of 30 kB, in tokens of one byte. */
const engine: ScriptedServerOptions['engine'] = { contextTokens: 2 ** 17 }

const settings = {
  security: { auth: { selectedType: 'gemini-api-key' } },
  telemetry: { enabled: false },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false },
}

interface Result {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the program in a folder with one file, with a home of its own and no terminal. */
async function gemini(url: string, args: readonly string[]): Promise<Result> {
  using folder = tempFolder({
    'work/notes.txt': 'The fox is under the bridge.\n',
    'home/.gemini/settings.json': JSON.stringify(settings),
  })
  const child = spawn(program!, [...args], {
    cwd: folder.file('work'),
    env: {
      ...{ PATH: process.env.PATH, HOME: folder.file('home'), USERPROFILE: folder.file('home') },
      ...{ GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: 'k', GEMINI_CLI_TRUST_WORKSPACE: 'true' },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 110_000,
  })
  const result: Result = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text))
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      result.code = code
      resolve()
    })
  })
  return result
}

const promptOf = ({ prompt }: EngineRequest): string => tokenizer.decode(prompt.ids)

/** Thinks where it is asked to, routes where JSON is wanted, and else says what comes next. */
function script(answers: readonly string[]): (request: EngineRequest) => readonly number[] {
  let next = 0
  return (request) => {
    if (promptOf(request).endsWith('<|channel>thought\n')) return says('Let me see.<channel|>')
    if (request.grammar?.kind === 'json') return says('{"complexity_reasoning":"A greeting.","complexity_score":1}')
    return says(answers[Math.min(next++, answers.length - 1)])
  }
}

describe.skipIf(program === undefined)('37: Gemini CLI', { timeout: 130_000 }, () => {
  it('asks, and prints what is streamed to it', async () => {
    await using running = await scriptedServer(script(['Hello from here.<turn|>']), { engine })
    const { code, stdout, stderr } = await gemini(running.url, ['-m', 'scripted', '-p', 'say hi'])
    expect({ code, stdout: stdout.trim() }, stderr).toEqual({ code: 0, stdout: 'Hello from here.' })
    expect(promptOf(running.engine.requests.at(-1)!)).toContain('say hi')
  })

  it('calls its tools as the model says, and goes on with what they give', async () => {
    const answers = [
      '<|tool_call>call:list_directory{"dir_path":"."}<tool_call|>',
      '<|tool_call>call:read_file{"file_path":"notes.txt"}<tool_call|><|tool_call>call:glob{"pattern":"*.txt"}<tool_call|>',
      'Under the bridge.<turn|>',
    ]
    await using running = await scriptedServer(script(answers), { engine })
    const args = ['-m', 'scripted', '--output-format', 'json', '-p', 'Where is the fox?']
    const { code, stdout, stderr } = await gemini(running.url, args)
    expect(code, stderr).toBe(0)
    const { response, stats } = JSON.parse(stdout) as {
      response: string
      stats: { tools: { totalSuccess: number; totalFail: number }; models: Record<string, { tokens: object }> }
    }
    expect(response).toBe('Under the bridge.')
    expect(stats.tools).toMatchObject({ totalSuccess: 3, totalFail: 0 })
    const prompt = promptOf(running.engine.requests.at(-1)!)
    expect(prompt).toContain('The fox is under the bridge.')
    // its second and third requests begin with the first: the counts it shows say so
    expect(stats.models.scripted.tokens).toMatchObject({ cached: expect.any(Number), thoughts: expect.any(Number) })
    const { cached, prompt: read } = stats.models.scripted.tokens as { cached: number; prompt: number }
    expect(cached).toBeGreaterThan(read / 2)
  })

  it('chooses a model itself, by an answer in JSON of its schema', async () => {
    await using running = await scriptedServer(script(['Hello.<turn|>']), { engine })
    const { code, stdout, stderr } = await gemini(running.url, ['-p', 'say hi'])
    expect({ code, stdout: stdout.trim() }, stderr).toEqual({ code: 0, stdout: 'Hello.' })
    const wanted = running.engine.requests.map(({ grammar }) => grammar?.kind)
    expect(wanted).toContain('json')
  })

  it('says what the server says when its prompt does not fit', async () => {
    await using running = await scriptedServer(script(['Hello.<turn|>']), { engine: { contextTokens: 1024 } })
    const { code, stdout, stderr } = await gemini(running.url, ['-m', 'scripted', '-p', 'say hi'])
    expect(code, stdout).not.toBe(0)
    expect(stderr).toContain('exceeds the maximum number of tokens allowed (1024)')
  })
})
