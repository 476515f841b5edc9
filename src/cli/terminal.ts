// One place that writes for people: a redrawn line on a terminal, plain lines anywhere else.
//
// `live` replaces the last live text, `line` leaves a line standing. On a stream that is no terminal `live`
// writes nothing; the caller decides when a plain line is due. Colour only on a terminal without NO_COLOR
// (https://no-color.org). The cursor is never hidden, so a process that is killed leaves a sane terminal.
import { stripVTControlCharacters, styleText } from 'node:util'

type Style = 'bold' | 'dim' | 'cyan' | 'green' | 'yellow' | 'red'

/** Where a command writes for people. */
export interface Terminal {
  readonly isTerminal: boolean
  /** Columns of the terminal; 80 where there is none. */
  readonly columns: number
  /** Colours text, where colours are shown. */
  paint(style: Style, text: string): string
  /** A line that stays. */
  line(text?: string): void
  /** A line that the next `live` or `line` replaces. */
  live(text: string): void
  /** Text as it is, without a line end. */
  write(text: string): void
}

interface Stream {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

/** Erases the line under the cursor. */
const eraseLine = '\r\x1b[2K'

/** The terminal behind a stream; `env` decides on colour. */
export function openTerminal(stream: Stream, env: Record<string, string | undefined> = process.env): Terminal {
  const isTerminal = stream.isTTY === true && env.TERM !== 'dumb'
  const colours = isTerminal && !env.NO_COLOR
  let isLive = false
  const clear = () => {
    if (isLive) stream.write(eraseLine)
    isLive = false
  }
  return {
    isTerminal,
    get columns() {
      return stream.columns || 80
    },
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
    line(text = '') {
      clear()
      stream.write(`${text}\n`)
    },
    live(text) {
      if (!isTerminal) return
      stream.write(eraseLine + text)
      isLive = true
    },
    write(text) {
      clear()
      stream.write(text)
    },
  }
}

/** A terminal that shows nothing: --quiet, and --json where nobody watches. */
export function silentTerminal(): Terminal {
  const nothing = () => {}
  return { isTerminal: false, columns: 80, paint: (_, text) => text, line: nothing, live: nothing, write: nothing }
}

/** Columns that a text takes on a terminal, colours not counted. */
export function visibleWidth(text: string): number {
  return stripVTControlCharacters(text).length
}

/**
 * Text from a file or a model, safe to show: control characters that could drive the terminal are drawn as
 * symbols (ESC becomes ␛); tabs and line ends stay.
 */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => {
    const code = c.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '␡' : '�'
  })
}
