// `pollux bench serve` against a server whose model says what it is told.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { scriptedServer } from './scriptedServer.ts'

/** Runs the command beside this process, which serves. */
async function bench(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/pollux.js'), 'bench', 'serve', ...args])
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => (out += String(text)))
  child.stderr.on('data', (text) => (err += String(text)))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, out, err }
}

it('measures streams of the OpenAI API in a closed loop', async () => {
  await using server = await scriptedServer(['one two three four'], { engine: { delay: 1 } })
  const args = [
    '--url',
    server.url,
    '--requests',
    '6',
    '--concurrency',
    '3',
    '--prompt-tokens',
    '60',
    '--shared-prefix',
    '0.5',
  ]
  const { code, out, err } = await bench(...args, '--json', '--goodput', 'e2e:60000')
  expect(err).toContain('sending requests')
  expect(code).toBe(0)
  const result = JSON.parse(out) as Record<string, Record<string, number>>
  expect(result).toMatchObject({
    protocol: 'openai',
    model: 'scripted',
    requests: 6,
    failures: 0,
    goodput: { share: 1 },
  })
  for (const name of ['ttft', 'itl', 'tpot', 'e2e']) expect(result[name].p99).toBeGreaterThan(0)
  expect(Number(result.promptTokens)).toBeGreaterThan(6 * 40)
})

it('says what failed, prints a table, and ends with an error', async () => {
  await using server = await scriptedServer(['one two'], { engine: { contextTokens: 200 } })
  const args = ['--url', server.url, '--requests', '2', '--rate', '50', '--prompt-tokens', '400']
  const { code, out, err } = await bench(...args)
  expect(code).toBe(1)
  expect(out + err).toContain('400')
})

it('names what to do where no server answers', async () => {
  const { code, err } = await bench('--url', 'http://127.0.0.1:9')
  expect(code).toBe(1)
  expect(err).toContain('npx pollux serve')
})
