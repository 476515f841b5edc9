// Structured logs: one JSON object a line, never a prompt or an answer unless the operator asked for them.

export interface Log {
  /** One event with its fields. */
  write(event: string, fields?: Record<string, unknown>): void
  /** Prompts and answers may be logged. */
  readonly texts: boolean
}

/** Logs to a stream, or nowhere. */
export function openLog(stream?: { write(text: string): unknown }, { texts = false } = {}): Log {
  return {
    texts,
    write(event, fields = {}) {
      stream?.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`)
    },
  }
}
