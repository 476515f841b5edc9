// Runs `pollux chat`: a conversation line by line. Lines that begin with / are for the program, all others for the model.
import { type ChatPart, type ChatService, type ChatTurn, createChatService } from '../serve/index.ts'
import type { ChatFlags } from './chat.ts'
import { ChatLines } from './chatLines.ts'
import { count, decimals } from './format.ts'
import { writeAside } from './runFolder.ts'
import { openServedModel } from './servedModel.ts'
import { openTerminal, printable, type Terminal } from './terminal.ts'

const help = `  /help            this list
  /undo            take the last question and its answer back
  /system [text]   what the model is told first; without a text: nothing
  /save [file]     write the conversation as JSON (default: chat.json)
  /new             begin again
  /exit            end, as Ctrl-D does
  Ctrl-C           stop the answer`

const commands = ['/help', '/undo', '/system ', '/save ', '/new', '/exit']

export async function runChat(flags: ChatFlags): Promise<void> {
  const terminal = openTerminal(process.stdout)
  terminal.live('loading the model')
  const { model, engine } = await openServedModel(flags)
  try {
    const chat = new Conversation(createChatService([model]), model.id, flags, terminal)
    if (terminal.isTerminal)
      terminal.line(terminal.paint('dim', `${model.id}, ${model.description}. /help lists what can be typed.`))
    await chat.run()
  } finally {
    await engine.close()
  }
}

class Conversation {
  readonly #chat: ChatService
  readonly #model: string
  readonly #flags: ChatFlags
  readonly #terminal: Terminal
  #turns: ChatTurn[] = []
  #system: string | undefined
  #stop: AbortController | undefined

  constructor(chat: ChatService, model: string, flags: ChatFlags, terminal: Terminal) {
    this.#chat = chat
    this.#model = model
    this.#flags = flags
    this.#terminal = terminal
    this.#system = flags.system
  }

  async run(): Promise<void> {
    const onStop = (): boolean => {
      this.#stop?.abort()
      return this.#stop !== undefined
    }
    using lines = new ChatLines({ terminal: this.#terminal, words: commands, onStop })
    for await (const line of lines) {
      if (line.trim() === '/exit') break
      if (line.startsWith('/')) this.#command(line)
      else if (line.trim() !== '') await this.#ask(line, lines.isInteractive)
    }
  }

  #command(line: string): void {
    const [, name, rest] = /^\/(\S*)\s*(.*)$/.exec(line)!
    const terminal = this.#terminal
    if (name === 'help') terminal.line(help)
    else if (name === 'undo') {
      const at = this.#turns.findLastIndex(({ role }) => role === 'user')
      terminal.line(at < 0 ? 'there is nothing to take back' : 'taken back')
      this.#turns = this.#turns.slice(0, Math.max(0, at))
    } else if (name === 'system') {
      this.#system = rest === '' ? undefined : rest
      terminal.line(rest === '' ? 'the model is told nothing first' : 'the model is told so first')
    } else if (name === 'save') this.#save(rest === '' ? 'chat.json' : rest)
    else if (name === 'new') {
      this.#turns = []
      terminal.line('a new conversation')
    } else terminal.line(`there is no /${printable(name)}; /help lists what there is`)
  }

  #save(path: string): void {
    const texts = (parts: ChatPart[]) => parts.flatMap((part) => (part.kind === 'text' ? [{ text: part.text }] : []))
    const contents = this.#turns.map(({ role, parts }) => ({ role, parts: texts(parts) }))
    const system = this.#system === undefined ? {} : { systemInstruction: { parts: [{ text: this.#system }] } }
    try {
      writeAside(path, `${JSON.stringify({ model: this.#model, ...system, contents }, null, 2)}\n`)
      this.#terminal.line(`wrote ${printable(path)}`)
    } catch (error) {
      this.#terminal.line(printable(`the conversation could not be written: ${(error as Error).message}`))
    }
  }

  /** Shows the answer as it comes. One that was stopped stays, as far as it came. @throws what a pipe should hear of */
  async #ask(text: string, isInteractive: boolean): Promise<void> {
    const { temperature, tokens, seed, think } = this.#flags
    const terminal = this.#terminal
    const question: ChatTurn = { role: 'user', parts: [{ kind: 'text', text }] }
    this.#stop = new AbortController()
    const started = performance.now()
    let answer = ''
    try {
      const request = {
        ...{
          model: this.#model,
          turns: [...this.#turns, question],
          maxTokens: tokens,
          sampling: { temperature, seed },
        },
        ...(this.#system === undefined ? {} : { system: [{ kind: 'text' as const, text: this.#system }] }),
        ...(think ? { thinking: { budget: -1, include: true } } : {}),
      }
      for await (const event of this.#chat.chat(request, this.#stop.signal)) {
        if (event.type === 'thought') terminal.write(terminal.paint('dim', printable(event.text)))
        if (event.type === 'text') {
          answer += event.text
          terminal.write(printable(event.text))
        }
        if (event.type === 'finish' && terminal.isTerminal) {
          const { usage } = event
          const seconds = (performance.now() - started) / 1000
          const read = Object.values(usage.prompt).reduce((sum, n) => sum + n, 0)
          const speed = `${count(usage.answer + usage.thoughts)} tokens in ${decimals(seconds, 1)} s, ${count(read)} read (${count(usage.cached)} known)`
          terminal.line(terminal.paint('dim', `\n${speed}`))
        }
      }
      if (!terminal.isTerminal) terminal.line()
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        if (!isInteractive) throw error
        // a question that cannot be answered is no reason to lose the conversation
        terminal.line(printable(`\n${error instanceof Error ? error.message : String(error)}`))
        return
      }
      terminal.line(terminal.paint('dim', '\nstopped'))
    } finally {
      this.#stop = undefined
    }
    this.#turns.push(question, { role: 'model', parts: [{ kind: 'text', text: answer }] })
  }
}
