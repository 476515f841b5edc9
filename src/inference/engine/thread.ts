// The engine's thread: loads the model and serves what comes over its port. Started by startEngine.ts.
//
// An answer's events cross as long as the reader has credit; without it the loop over them stands still, the engine's own
// buffer fills, and the sequence pauses.
import { parentPort, workerData } from 'node:worker_threads'
import { loadAnyModel, type Model, newModel, quantise } from '../../model/index.ts'
import { PolluxError, Rng } from '../../util/index.ts'
import type { Engine } from '../engineTypes.ts'
import type { Prompt } from '../prompt.ts'
import { createEngine } from './engine.ts'
import { type EngineSource, type FromThread, type ThreadStart, type ToThread, toWire } from './wire.ts'

if (!parentPort) throw new Error('internal: thread.ts must be started as a worker thread')
const port = parentPort
const post = (message: FromThread): void => {
  port.postMessage(message)
}

/** An answer on its way. */
interface Answer {
  credit: number
  /** Called when there is credit again. */
  onCredit: (() => void) | null
  stop: AbortController
}

try {
  const { source, options } = workerData as ThreadStart
  const engine = createEngine(modelOf(source, options.compute), options)
  serve(engine)
  const { contextTokens, vocabSize, experts } = engine
  post({ type: 'ready', contextTokens, vocabSize, experts })
} catch (error) {
  post({ type: 'failed', error: toWire(error) })
}

function modelOf(source: EngineSource, compute = 'bf16'): Model {
  const { weights } = source
  if (weights !== undefined && compute !== 'bf16') {
    throw new PolluxError(`engine: compute must be bf16 with weights of ${weights}, got ${compute}`)
  }
  const model =
    'folder' in source ? loadAnyModel(source.folder) : newModel(source.config).initialise(new Rng(source.seed))
  if (weights !== undefined) quantise(model, weights)
  return model
}

function serve(engine: Engine): void {
  const answers = new Map<number, Answer>()
  const take: Record<ToThread['type'], (message: never) => void> = {
    generate: (message: Extract<ToThread, { type: 'generate' }>) => {
      const answer: Answer = { credit: message.credit, onCredit: null, stop: new AbortController() }
      answers.set(message.id, answer)
      void answerRequest(engine, message, answer).finally(() => answers.delete(message.id))
    },
    credit: ({ id, count }: Extract<ToThread, { type: 'credit' }>) => {
      const answer = answers.get(id)
      if (!answer) return
      answer.credit += count
      answer.onCredit?.()
    },
    cancel: ({ id }: Extract<ToThread, { type: 'cancel' }>) => {
      const answer = answers.get(id)
      answer?.stop.abort()
      answer?.onCredit?.()
    },
    call: ({ id, method, args }: Extract<ToThread, { type: 'call' }>) => {
      const stop = new AbortController()
      answers.set(id, { credit: 0, onCredit: null, stop })
      call(engine, method, args, stop.signal)
        .then(
          (value) => {
            post({ type: 'result', id, value })
          },
          (error: unknown) => {
            post({ type: 'result', id, error: toWire(error) })
          },
        )
        .finally(() => answers.delete(id))
    },
    close: () => {
      void engine.close().then(() => {
        port.close()
      })
    },
  }
  port.on('message', (message: ToThread) => {
    take[message.type](message as never)
  })
}

async function answerRequest(
  engine: Engine,
  { id, request }: Extract<ToThread, { type: 'generate' }>,
  answer: Answer,
): Promise<void> {
  try {
    for await (const event of engine.generate(request, answer.stop.signal)) {
      post({ type: 'event', id, event })
      answer.credit--
      while (answer.credit <= 0 && !answer.stop.signal.aborted) {
        await new Promise<void>((resolve) => {
          answer.onCredit = resolve
        })
        answer.onCredit = null
      }
      answer.stop.signal.throwIfAborted()
    }
    post({ type: 'end', id })
  } catch (error) {
    post({ type: 'end', id, error: toWire(error) })
  }
}

async function call(
  engine: Engine,
  method: Extract<ToThread, { type: 'call' }>['method'],
  args: unknown[],
  signal: AbortSignal,
): Promise<unknown> {
  switch (method) {
    case 'embed':
      return engine.embed(args[0] as Prompt[], signal)
    case 'pin':
      return engine.pin(args[0] as Prompt, args[1] as number | undefined)
    case 'unpin':
      return engine.unpin(args[0] as string)
    case 'stats':
      return engine.stats()
  }
}
