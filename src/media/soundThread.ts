// The thread that decodes compressed sound: started on first need, kept for the next file, replaced when a file broke it. It does not keep the
// program alive.
import { Worker } from 'node:worker_threads'
import type { SoundReply, SoundRequest } from './soundWorker.ts'

let thread: Worker | undefined
let turn: Promise<unknown> = Promise.resolve()

/** Decoders run at 1 MB/s or more; this is for those that never end. */
const secondsFor = (bytes: number): number => 30 + bytes / 250_000

/** Decodes one file; files wait for each other. Never rejects. */
export function decodeInThread(request: SoundRequest): Promise<SoundReply> {
  const reply = turn.then(() => ask(request))
  turn = reply
  return reply
}

async function ask(request: SoundRequest): Promise<SoundReply> {
  thread ??= new Worker(new URL('./soundWorker.ts', import.meta.url), {
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  })
  const worker = thread
  const limit = secondsFor(request.bytes.length)
  const reply = await new Promise<SoundReply>((resolve) => {
    const timer = setTimeout(
      () => done({ failed: `must decode within ${Math.round(limit)} s, got no end` }),
      limit * 1000,
    )
    const onError = (error: unknown) => done({ failed: error instanceof Error ? error.message : String(error) })
    const onExit = () => done({ failed: 'the decoder stopped' })
    function done(result: SoundReply): void {
      clearTimeout(timer)
      worker.off('message', done).off('error', onError).off('exit', onExit)
      resolve(result)
    }
    worker.on('message', done).on('error', onError).on('exit', onExit)
    worker.ref()
    worker.postMessage(request)
  })
  worker.unref()
  if ('failed' in reply) {
    // a library that gave up may have left its memory in any state
    thread = undefined
    worker.on('error', () => {})
    await worker.terminate()
  }
  return reply
}
