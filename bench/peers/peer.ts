// A peer runs as a child process that answers one JSON line for each JSON line it is asked.
//
// So libraries that Pollux does not depend on (oneDNN, PyTorch) are measured in the same minute, in turns with
// our own code, without living in the same process. A child that misses a library says {"missing": "..."} first.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Sampler } from '../timing.ts'

/** Why a peer cannot be measured on this machine; benches print it and go on without. */
export class PeerMissing extends Error {}

export class Peer {
  readonly hello: Record<string, unknown>
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, hello: Record<string, unknown>) {
    this.#child = child
    this.#lines = lines
    this.hello = hello
  }

  /** Starts the child and waits for its first line, which says what it is. */
  static async start(command: string, args: string[], env: Record<string, string>): Promise<Peer> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    child.on('error', () => {})
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const first = await lines.next()
    if (first.done) throw new PeerMissing(`${command} did not start`)
    const hello = JSON.parse(first.value) as Record<string, unknown>
    if (hello.missing !== undefined) {
      child.kill()
      throw new PeerMissing(String(hello.missing))
    }
    return new Peer(child, lines, hello)
  }

  /** Asks one question. @throws the child's own message when it answers {"error": "..."} */
  async ask(question: Record<string, unknown>): Promise<Record<string, number>> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`)
    const line = await this.#lines.next()
    if (line.done) throw new Error(`peer: ended while it was asked ${JSON.stringify(question)}`)
    const answer = JSON.parse(line.value) as Record<string, number>
    if (answer.error !== undefined) throw new Error(`peer: ${answer.error}`)
    return answer
  }

  /** A sampler of what the last question prepared: the child times `iterations` calls itself. */
  sampler(extra: Record<string, unknown> = {}): Sampler {
    return async (iterations) => (await this.ask({ do: 'sample', iterations, ...extra })).seconds
  }

  [Symbol.dispose](): void {
    this.#child.stdin!.end()
    this.#child.kill()
  }
}

/** oneDNN's names of the instruction sets that POLLUX_ISA forces; it has no scalar one. */
const peerIsas: Readonly<Record<string, string>> = {
  avx2: 'AVX2',
  avx512: 'AVX512_CORE',
  avx512bf16: 'AVX512_CORE_BF16',
  amx: 'AVX512_CORE_AMX',
}

/** Starts the oneDNN peer, compiling it first when its source is newer. */
export async function startOneDnn(threads: number): Promise<Peer> {
  const source = join(import.meta.dirname, 'onednn.cc')
  const program = join(import.meta.dirname, '../../build/peers/onednn')
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(join(program, '..'), { recursive: true })
    try {
      execFileSync(process.env.CXX ?? 'g++', ['-std=c++17', '-O2', source, '-o', program, '-ldnnl'], { stdio: 'pipe' })
    } catch {
      throw new PeerMissing('oneDNN is not installed (Debian: apt-get install libdnnl-dev)')
    }
  }
  // a forced instruction set binds the peer as well, or the ratio would compare two machines
  const isa = peerIsas[process.env.POLLUX_ISA ?? '']
  return Peer.start(program, [], { OMP_NUM_THREADS: String(threads), ...(isa && { DNNL_MAX_CPU_ISA: isa }) })
}

/** Starts a Python peer of this folder under the Python that POLLUX_PEER_PYTHON names (with torch installed in it). */
export async function startPython(script: string, threads: number, args: string[] = []): Promise<Peer> {
  const python = process.env.POLLUX_PEER_PYTHON
  if (python === undefined) {
    throw new PeerMissing(
      'PyTorch is measured with the Python that POLLUX_PEER_PYTHON names (a venv with torch, kept outside)',
    )
  }
  return Peer.start(python, [join(import.meta.dirname, script), ...args], { OMP_NUM_THREADS: String(threads) })
}

/** The peer, or undefined after a note that it is missing. */
export async function orMissing(start: Promise<Peer>, note: (text: string) => void): Promise<Peer | undefined> {
  try {
    return await start
  } catch (error) {
    if (!(error instanceof PeerMissing)) throw error
    note(`no peer: ${error.message}`)
    return undefined
  }
}

/** Starts node-llama-cpp from the folder that POLLUX_PEER_LLAMA names (npm install node-llama-cpp, outside of this package). */
export function startLlama(threads: number): Promise<Peer> {
  return Peer.start(process.execPath, [join(import.meta.dirname, 'llama.mjs')], {
    POLLUX_PEER_THREADS: String(threads),
  })
}
