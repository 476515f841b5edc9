// Calls of functions that an answer makes: what is called with what, and its result, or a form to give one by hand.
import { useState } from 'preact/hooks'
import type { FunctionCall } from '../api/geminiTypes.ts'
import { TextField } from '../ui/controls.tsx'
import { Icon } from '../ui/icons.tsx'
import type { Message } from './tree.ts'

interface ToolCardsProps {
  calls: FunctionCall[]
  /** The message behind, if it answers the calls. */
  answered?: Message
  /** Left out: the answer is still being written. */
  onAnswer?: (responses: Record<string, unknown>[]) => void
}

export function ToolCards({ calls, answered, onAnswer }: ToolCardsProps) {
  const [texts, setTexts] = useState<string[]>(calls.map(() => ''))
  const results = answered?.parts.map((part) => part.functionResponse?.response)
  const asks = results === undefined && onAnswer !== undefined
  return (
    <form
      class="tools"
      onSubmit={(event) => {
        event.preventDefault()
        onAnswer?.(calls.map((_, i) => toResponse(texts[i] ?? '')))
      }}
    >
      {calls.map((call, i) => (
        <section class="tool" key={i} aria-label={`Call of ${call.name}`}>
          <h3>
            <Icon name="tool" size={16} />
            {call.name}
          </h3>
          <pre tabIndex={0}>{JSON.stringify(call.args ?? {}, undefined, 2)}</pre>
          {results !== undefined && (
            <pre class="result" tabIndex={0}>
              {JSON.stringify(results[i], undefined, 2)}
            </pre>
          )}
          {asks && (
            <TextField
              label="Result"
              code
              rows={2}
              placeholder='{ "temperature": 21 } or plain text'
              value={texts[i] ?? ''}
              onChange={(text) => setTexts((all) => calls.map((_, j) => (j === i ? text : (all[j] ?? ''))))}
            />
          )}
        </section>
      ))}
      {asks && (
        <button type="submit" class="button primary">
          Send {calls.length > 1 ? 'results' : 'result'}
        </button>
      )}
    </form>
  )
}

/** An object as it is; anything else as its result. */
function toResponse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    return { result: value }
  } catch {
    return { result: text }
  }
}
