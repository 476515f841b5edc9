// Runs `pollux serve`: loads the model, opens the server, says how to reach it, and ends when it is asked to.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createChatService, ensureStudio, openLog, openServer, studioDist, studioRoutes } from '../serve/index.ts'
import { PolluxError } from '../util/index.ts'
import { listenForInterrupt } from './interrupt.ts'
import type { ServeFlags } from './serve.ts'
import { openServedModel } from './servedModel.ts'
import { openTerminal, type Terminal } from './terminal.ts'
import { version } from './version.ts'

export async function runServe(flags: ServeFlags): Promise<void> {
  const isOpen = !/^(127\.|localhost$|::1$)/.test(flags.host) && !flags.apiKey?.length
  if (isOpen) {
    throw new PolluxError(
      `serve: a server that other machines reach must have a key, got --host ${flags.host} without one`,
      {
        hint: `npx pollux serve --host ${flags.host} --api-key "$(openssl rand -hex 16)"`,
      },
    )
  }
  const terminal = openTerminal(process.stdout)
  terminal.live('loading the model')
  const { model, engine } = await openServedModel(flags, {
    cacheBytes: Math.round(flags.cacheGb * 2 ** 30),
    kvDtype: flags.kvDtype,
    ...{ maxRunning: flags.batch, maxWaiting: flags.queue },
  })
  const logs = (flags.log ?? (process.stderr.isTTY ? 'off' : 'json')) === 'json'
  try {
    const hasStudio =
      flags.studio && ['ready', 'built', 'stale'].includes(await ensureStudio((line) => terminal.line(line)))
    const server = await openServer({
      chat: createChatService([model], { secret: secretOf(flags.files), aliases: flags.aliases }),
      ...{
        engine,
        folder: flags.files,
        keys: flags.apiKey,
        host: flags.host,
        port: flags.port,
        cors: flags.cors,
        version,
      },
      rates: { requestsPerMinute: flags.rpm, tokensPerMinute: flags.tpm },
      limits: {
        unarySeconds: flags.timeout,
        streamSeconds: 2 * flags.timeout,
        requests: flags.batch + flags.queue + 64,
      },
      log: openLog(logs ? process.stderr : undefined, { texts: flags.logTexts }),
      studio: {
        api: (app, deps) => studioRoutes(app, deps, { version, runsFolder: flags.out, engine }),
        ...(hasStudio ? { folder: studioDist } : {}),
      },
    })
    using interrupt = listenForInterrupt(() =>
      terminal.line('ending: waiting for the answers in work; again to end at once'),
    )
    for (const line of greeting({ url: server.url, id: model.id, key: flags.apiKey?.[0], hasStudio, terminal }))
      terminal.line(line)
    if (!interrupt.signal.aborted) {
      await new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve(), { once: true }))
    }
    await server.close(flags.drain)
    process.exitCode = interrupt.exitCode === 143 ? 0 : interrupt.exitCode
  } finally {
    await engine.close()
  }
}

/** Seals of thoughts stay good from one start to the next. */
function secretOf(folder: string): Uint8Array {
  const path = join(folder, 'thoughts.key')
  mkdirSync(folder, { recursive: true })
  if (existsSync(path)) {
    const secret = readFileSync(path)
    if (secret.length >= 32) return secret
  }
  const secret = randomBytes(32)
  writeFileSync(path, secret, { mode: 0o600 })
  return secret
}

interface Greeting {
  url: string
  id: string
  /** As it was given; it is not shown. */
  key: string | undefined
  hasStudio: boolean
  terminal: Terminal
}

/** What a person copies to try it. */
function greeting({ url, id, key, hasStudio, terminal }: Greeting): string[] {
  const shownKey = key === undefined ? 'any' : '$KEY'
  const bold = (text: string): string => terminal.paint('bold', text)
  return [
    `${bold(`serving ${id}`)} at ${bold(url)}${hasStudio ? ` (the studio: ${url}/)` : ''}`,
    '',
    bold('Gemini SDK'),
    `  const ai = new GoogleGenAI({ apiKey: '${shownKey}', httpOptions: { baseUrl: '${url}' } })`,
    `  await ai.models.generateContent({ model: '${id}', contents: 'Hello' })`,
    bold('OpenAI SDK'),
    `  const openai = new OpenAI({ apiKey: '${shownKey}', baseURL: '${url}/v1' })`,
    `  await openai.chat.completions.create({ model: '${id}', messages: [{ role: 'user', content: 'Hello' }] })`,
    bold('Gemini CLI'),
    `  GOOGLE_GEMINI_BASE_URL=${url} GEMINI_API_KEY=${shownKey} gemini -m ${id}`,
    bold('curl'),
    `  curl '${url}/v1beta/models/${id}:generateContent?key=${shownKey}' -d '{"contents":[{"parts":[{"text":"Hello"}]}]}'`,
    '',
  ]
}
