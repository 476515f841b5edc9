// Runs ffmpeg on one file: the installed program as a child process, or else the WebAssembly build of the package @ffmpeg/core in a thread.
//
// Either way a file that makes it crash, run on or write without end costs a process or a thread that is ended, and becomes an
// error. Arguments go as a list, never through a shell. ffmpeg may open nothing but files and pipes, and the demuxer
// is named, so that a file cannot pose as a playlist of others.
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { PolluxError } from '../util/index.ts'
import type { FfmpegReply, FfmpegRequest, FfmpegStart } from './ffmpegWorker.ts'
import { webAssembly, type WasmModule } from './webAssembly.ts'

/** Stand-ins for the names of the file and of the output in arguments. */
export const input = '{input}'
export const output = '{output}'

/** How a run ended. */
export interface FfmpegResult {
  /** Exit status; null: ended by a signal. */
  code: number | null
  /** What it wrote to stderr, the first 256 KiB. */
  log: string
  output: Uint8Array
}

/** Bounds of one run. */
export interface FfmpegLimits {
  seconds: number
  /** Most bytes of output. */
  bytes: number
}

/** ffmpeg with a file to work on. */
export interface Ffmpeg {
  /** Runs with arguments that name the file as `input` and write to `output`. Throws PolluxError beyond the limits. */
  run(args: readonly string[], limits: FfmpegLimits): Promise<FfmpegResult>
  close(): Promise<void>
}

const logBytes = 2 ** 18

/** Path of the installed ffmpeg: of the environment variable POLLUX_FFMPEG, or the first on PATH; undefined: none. */
export function findFfmpeg(): string | undefined {
  const named = process.env.POLLUX_FFMPEG
  if (named !== undefined && named !== '') return isProgram(named) ? resolve(named) : undefined
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg'
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The installed ffmpeg on a file that lies at `path`, or on bytes, which go to a temporary file. */
export async function openInstalled(program: string, source: { path?: string; bytes: Uint8Array }): Promise<Ffmpeg> {
  let folder: string | undefined
  let path = source.path
  if (path === undefined) {
    folder = await mkdtemp(join(tmpdir(), 'pollux-clip-'))
    path = join(folder, 'clip')
    await writeFile(path, source.bytes, { mode: 0o600 })
  }
  const names: Record<string, string> = { [input]: `file:${resolve(path)}`, [output]: 'pipe:1' }
  return {
    run: (args, limits) =>
      runProgram(
        program,
        args.map((arg) => names[arg] ?? arg),
        limits,
      ),
    close: async () => {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

function runProgram(program: string, args: readonly string[], limits: FfmpegLimits): Promise<FfmpegResult> {
  return new Promise((done, reject) => {
    const child = spawn(program, ['-nostdin', ...args], { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
    const pieces: Buffer[] = []
    let [bytes, log] = [0, '']
    const stop = (error: PolluxError): void => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(error)
    }
    const timer = setTimeout(() => stop(tooLong(limits)), limits.seconds * 1000)
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > limits.bytes) stop(tooLarge(limits))
      else pieces.push(piece)
    })
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      if (log.length < logBytes) log += piece
    })
    child.on('error', (cause) => stop(new PolluxError(`ffmpeg: must start, got ${cause.message}`, { cause })))
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ code, log, output: Buffer.concat(pieces) })
    })
  })
}

let code: Promise<WasmModule> | undefined

/** The code of the WebAssembly build: 32 MB that take a second to compile, so once. */
async function compileWasm(): Promise<WasmModule> {
  const path = createRequire(import.meta.url).resolve('@ffmpeg/core/wasm')
  return webAssembly.compile(await readFile(path))
}

/** The WebAssembly build on bytes, which go into its own file system. */
export async function openWasm(bytes: Uint8Array): Promise<Ffmpeg> {
  const start: FfmpegStart = { bytes, code: await (code ??= compileWasm()) }
  const worker = new Worker(new URL('./ffmpegWorker.ts', import.meta.url), {
    workerData: start,
    execArgv: [],
    stdout: true,
    stderr: true,
  })
  // without a listener, an error between two runs would end the program
  worker.on('error', () => {})
  return {
    run: (args, limits) =>
      new Promise((done, reject) => {
        const stop = (error: PolluxError): void => {
          finish()
          reject(error)
          void worker.terminate()
        }
        const timer = setTimeout(() => stop(tooLong(limits)), limits.seconds * 1000)
        const onMessage = (reply: FfmpegReply): void => {
          if ('failed' in reply) stop(new PolluxError(`ffmpeg: must run to its end, got: ${reply.failed}`))
          else if (reply.output.length > limits.bytes) stop(tooLarge(limits))
          else {
            finish()
            done({ ...reply, log: reply.log.slice(0, logBytes) })
          }
        }
        const onError = (error: unknown): void =>
          stop(
            new PolluxError(
              `ffmpeg: must run to its end, got: ${error instanceof Error ? error.message : String(error)}`,
            ),
          )
        const onExit = (): void => stop(new PolluxError('ffmpeg: must run to its end, got a stopped thread'))
        function finish(): void {
          clearTimeout(timer)
          worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        }
        worker.on('message', onMessage).on('error', onError).on('exit', onExit)
        const request: FfmpegRequest = { args, input, output, maxBytes: limits.bytes }
        worker.postMessage(request)
      }),
    close: async () => {
      await worker.terminate()
    },
  }
}

const tooLong = ({ seconds }: FfmpegLimits) =>
  new PolluxError(`ffmpeg: must end within ${seconds} s, got no end`, {
    hint: 'read less of the clip: start, end, fps or size',
  })

const tooLarge = ({ bytes }: FfmpegLimits) =>
  new PolluxError(`ffmpeg: must give at most ${bytes} bytes, got more`, {
    hint: 'read less of the clip: start, end, fps or size',
  })
