// A server on a free port whose model says what a test gives it; everything but the model is real.
import {
  createChatService,
  openServer,
  type OpenedServer,
  type OpenServerOptions,
  type ServedModel,
} from '../../src/serve/index.ts'
import {
  chatTokenizer,
  type Script,
  ScriptedEngine,
  type ScriptedEngineOptions,
  tempFolder,
} from '../../src/testing/index.ts'

export const tokenizer = chatTokenizer()

/** Ids of an answer in which special tokens are written out, as in `<|tool_call>call:f{}<tool_call|>`. */
export function says(text: string): number[] {
  return [...tokenizer.encode(text, { allowSpecial: true })]
}

export interface ScriptedServer extends AsyncDisposable {
  readonly server: OpenedServer
  readonly url: string
  readonly engine: ScriptedEngine
}

export interface ScriptedServerOptions {
  server?: Partial<OpenServerOptions>
  engine?: Partial<ScriptedEngineOptions>
  model?: Partial<ServedModel>
  aliases?: boolean
}

/** Serves texts, in the order in which they are asked for; the last one repeats. */
export async function scriptedServer(
  answers: readonly (string | Script)[] | ScriptedEngineOptions['script'],
  options: ScriptedServerOptions = {},
): Promise<ScriptedServer> {
  const script =
    typeof answers === 'function'
      ? answers
      : answers.map((answer) => (typeof answer === 'string' ? says(answer) : answer))
  const engine = new ScriptedEngine({ script, vocabSize: tokenizer.vocabSize, ...options.engine })
  const folder = tempFolder()
  const model: ServedModel = {
    ...{ id: 'scripted', description: 'says what it is told to', created: 1_700_000_000 },
    ...{ engine, tokenizer, template: 'gemma', ...options.model },
  }
  const chat = createChatService([model], { secret: new Uint8Array(32), aliases: options.aliases })
  const server = await openServer({ chat, engine, folder: folder.path, ...options.server })
  return {
    ...{ server, url: server.url, engine },
    async [Symbol.asyncDispose]() {
      await server.close(0)
      folder[Symbol.dispose]()
    },
  }
}
