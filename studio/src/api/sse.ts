// Server-sent events of a fetch, as the Gemini protocol uses them: `data:` lines, blocks ended by a blank line.
//
// Other fields (`event:`, `id:`) and comments (`: ping`) are read over. Lines may end in LF, CR or CRLF, and a chunk of the
// network may end anywhere, within a character or between CR and LF.

/** Cuts text that comes in pieces into the data of whole events. */
export class SseParser {
  #rest = ''
  #data: string[] = []

  /** @returns the data of the events that this piece ends */
  push(text: string): string[] {
    this.#rest += text
    const events: string[] = []
    for (;;) {
      const end = /\r\n|\n|\r/.exec(this.#rest)
      // a CR at the very end may be half of a CRLF
      if (end === null || (end[0] === '\r' && end.index === this.#rest.length - 1)) return events
      const line = this.#rest.slice(0, end.index)
      this.#rest = this.#rest.slice(end.index + end[0].length)
      this.#line(line, events)
    }
  }

  /** After the last piece. @returns the data of an event whose blank line never came */
  end(): string[] {
    const events: string[] = []
    if (this.#rest !== '') this.#line(this.#rest.replace(/\r$/, ''), events)
    this.#line('', events)
    this.#rest = ''
    return events
  }

  #line(line: string, events: string[]): void {
    if (line === '') {
      if (this.#data.length > 0) events.push(this.#data.join('\n'))
      this.#data = []
      return
    }
    if (line.startsWith('data:')) this.#data.push(line.slice(line[5] === ' ' ? 6 : 5))
  }
}

/** Data of the events of a response's body, as they come. Leaving the loop ends the request. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new SseParser()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield* parser.push(decoder.decode(value, { stream: true }))
    }
    yield* parser.push(decoder.decode())
    yield* parser.end()
  } finally {
    await reader.cancel().catch(() => {})
  }
}
