// Lines for a conversation: typed by a person, or out of a pipe.
//
// A terminal is read all the time, so that Ctrl-C is heard while an answer is written. What is typed meanwhile is not echoed into
// the answer: it stands behind the next prompt, and lines that were ended are taken in turn.
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Terminal } from './terminal.ts'

export interface ChatLinesOptions {
  terminal: Terminal
  /** Words that Tab completes at the beginning of a line. */
  words: readonly string[]
  /** Ctrl-C. False: nothing was in work. */
  onStop: () => boolean
}

/** Lines until the input ends, `/exit` aside. */
export class ChatLines implements Disposable {
  /** A person is there: prompts and Ctrl-C are for them. */
  readonly isInteractive: boolean
  readonly #lines: Interface
  readonly #options: ChatLinesOptions
  readonly #onInterrupt = (): void => {
    this.#interrupt()
  }
  /** Where the cursor stands behind a prompt. */
  #isPrompting = false
  /** Ctrl-C was pressed at an empty prompt. */
  #isLeaving = false
  /** Lines that were ended while nothing was echoed. */
  #unseen = 0

  constructor(options: ChatLinesOptions) {
    const { terminal, words } = options
    this.#options = options
    this.isInteractive = terminal.isTerminal && process.stdin.isTTY === true
    if (!this.isInteractive) {
      this.#lines = createInterface({ input: process.stdin })
      return
    }
    const completer = (line: string): [string[], string] => [words.filter((word) => word.startsWith(line)), line]
    const output = new Echo(() => this.#isPrompting)
    this.#lines = createInterface({ input: process.stdin, output, terminal: true, prompt: '> ', completer })
    this.#lines.on('SIGINT', this.#onInterrupt)
    process.on('SIGINT', this.#onInterrupt)
    this.#lines.on('line', () => {
      if (!this.#isPrompting) this.#unseen++
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const { terminal } = this.#options
    this.#prompt()
    for await (const line of this.#lines) {
      if (this.#unseen > 0) {
        this.#unseen--
        terminal.line(line)
      }
      this.#isPrompting = false
      this.#isLeaving = false
      yield line
      this.#prompt()
    }
    if (this.#isPrompting) terminal.line()
  }

  #prompt(): void {
    if (!this.isInteractive) return
    this.#isPrompting = true
    // with what was typed since
    this.#lines.prompt(true)
  }

  /** Stops what is in work; else drops what was typed; else ends, when it is pressed again. */
  #interrupt(): void {
    const { terminal, onStop } = this.#options
    if (onStop()) return
    if (this.#lines.line !== '') {
      for (const name of ['e', 'u']) this.#lines.write(null, { ctrl: true, name })
    } else if (this.#isLeaving) this.#lines.close()
    else {
      this.#isLeaving = true
      terminal.line(`\n${terminal.paint('dim', 'Ctrl-C again ends, as Ctrl-D does')}`)
      this.#prompt()
    }
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onInterrupt)
    this.#lines.close()
  }
}

/** stdout for what readline echoes, while it may. */
class Echo extends Writable {
  constructor(isOpen: () => boolean) {
    super({
      write: (chunk: Buffer, _, done) => {
        if (isOpen()) process.stdout.write(chunk)
        done()
      },
    })
    process.stdout.on('resize', () => this.emit('resize'))
  }

  get columns(): number {
    return process.stdout.columns
  }
}
