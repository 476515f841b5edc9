// ffmpeg as WebAssembly in a thread of its own, with one file to work on.
//
// The build believes it runs in a browser's worker: it wants `self` and `location`, and would fetch its code from there; it is given code that
// ffmpeg.ts has compiled, once for all threads. Its files lie in memory. Its `exec` ends by an abort that is caught inside and may be called again.
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { webAssembly, type WasmModule } from './webAssembly.ts'

/** One run: arguments in which `input` and `output` stand for the names of the files. */
export interface FfmpegRequest {
  args: readonly string[]
  input: string
  output: string
  maxBytes: number
}

/** How it ended. */
export type FfmpegReply = { code: number; log: string; output: Uint8Array } | { failed: string }

/** What the thread is started with: the file, and the compiled code. */
export interface FfmpegStart {
  bytes: Uint8Array
  code: WasmModule
}

/** What is used of @ffmpeg/core. */
interface Core {
  exec(...args: string[]): number
  reset(): void
  setLogger(logger: (line: { type: string; message: string }) => void): void
  FS: {
    writeFile(path: string, data: Uint8Array): void
    readFile(path: string): Uint8Array
    analyzePath(path: string): { exists: boolean }
    unlink(path: string): void
  }
}

const names = { input: '/input', output: '/output' }

async function load(): Promise<Core> {
  const require = createRequire(import.meta.url)
  Object.assign(globalThis, { self: globalThis, location: { href: import.meta.url } })
  const { bytes, code } = workerData as FfmpegStart
  const create = require('@ffmpeg/core') as (options: {
    instantiateWasm(imports: object, done: (instance: object) => void): object
  }) => Promise<Core>
  const core = await create({
    instantiateWasm: (imports, done) => {
      done(new webAssembly.Instance(code, imports))
      return {}
    },
  })
  core.FS.writeFile(names.input, bytes)
  return core
}

function run(core: Core, { args, input, output, maxBytes }: FfmpegRequest): FfmpegReply {
  const lines: string[] = []
  core.setLogger(({ message }) => lines.push(message))
  core.reset()
  const named = args.map((arg) => (arg === input ? names.input : arg === output ? names.output : arg))
  // one byte more than allowed shows that there was more
  const limit = named.includes(names.output) ? ['-fs', String(maxBytes + 1)] : []
  const code = core.exec(...named.slice(0, -1), ...limit, ...named.slice(-1))
  if (!core.FS.analyzePath(names.output).exists) return { code, log: lines.join('\n'), output: new Uint8Array(0) }
  const bytes = core.FS.readFile(names.output)
  core.FS.unlink(names.output)
  return { code, log: lines.join('\n'), output: bytes }
}

const core = load()
core.catch(() => {})
parentPort?.on('message', (request: FfmpegRequest) => {
  core
    .then((loaded) => run(loaded, request))
    .then(
      (reply) => parentPort?.postMessage(reply, 'output' in reply ? [reply.output.buffer as ArrayBuffer] : []),
      (error: unknown) => {
        const failed = error instanceof Error ? error.message : String(error)
        parentPort?.postMessage({ failed } satisfies FfmpegReply)
      },
    )
})
