// One message: what was said, what it cost, and what can be done with it.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Part } from '../api/geminiTypes.ts'
import { integer, percent, seconds } from '../lib/format.ts'
import { IconButton } from '../ui/controls.tsx'
import { Icon } from '../ui/icons.tsx'
import { toast } from '../ui/toast.ts'
import { mismatches } from './checks.ts'
import { Markdown } from './markdown.tsx'
import { MediaView } from './mediaView.tsx'
import { MessageEditor } from './messageEditor.tsx'
import { answerText, callsOf } from './request.ts'
import { ToolCards } from './toolCards.tsx'
import type { AnswerFigures, Message } from './tree.ts'

export interface MessageActions {
  edit(message: Message, parts: Part[]): void
  regenerate(message: Message): void
  remove(message: Message): void
  show(message: Message, by: number): void
  answer(message: Message, responses: Record<string, unknown>[]): void
  experts(message: Message): void
}

interface MessageViewProps {
  message: Message
  /** Number of this one among those in its place, from 0, and how many. */
  index: number
  count: number
  isWriting: boolean
  editing: boolean
  onEditing: (on: boolean) => void
  /** The message behind that answers its calls. */
  answered?: Message
  canTrace: boolean
  actions: MessageActions
}

export function MessageView(props: MessageViewProps) {
  const { message, isWriting, editing, onEditing, actions } = props
  const isUser = message.role === 'user'
  return (
    <article class={`message ${message.role}`} aria-label={isUser ? 'You' : 'Model'} data-id={message.id}>
      {editing ? (
        <MessageEditor
          parts={message.parts}
          onCancel={() => onEditing(false)}
          onSend={(parts) => {
            onEditing(false)
            actions.edit(message, parts)
          }}
        />
      ) : isUser ? (
        <div class="bubble">
          <Parts parts={message.parts} />
        </div>
      ) : (
        <Answer {...props} />
      )}
      {!editing && !isWriting && <MessageBar {...props} />}
    </article>
  )
}

function Answer({ message, isWriting, answered, actions }: MessageViewProps) {
  const { parts, finish, error, schema } = message
  const calls = callsOf(parts)
  const interrupted = finish === undefined && !isWriting
  return (
    <div class="answer" aria-busy={isWriting}>
      <Parts parts={parts} isWriting={isWriting} schema={schema} />
      {calls.length > 0 && (
        <ToolCards
          calls={calls}
          answered={answered}
          onAnswer={isWriting ? undefined : (responses) => actions.answer(message, responses)}
        />
      )}
      {isWriting && <Waiting parts={parts} />}
      {error !== undefined && (
        <Notice>
          <span>{error}</span>
          <button type="button" class="button" onClick={() => actions.regenerate(message)}>
            Try again
          </button>
        </Notice>
      )}
      {interrupted && <Notice>The page was left while this was written.</Notice>}
      {!isWriting && error === undefined && <Ending finish={finish} />}
    </div>
  )
}

function Waiting({ parts }: { parts: Part[] }) {
  return (
    <p class="waiting" role="status">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span class={parts.length === 0 ? '' : 'unseen'}>{parts.length === 0 ? 'Reading' : 'Writing'}</span>
    </p>
  )
}

function Notice({ children }: { children: ComponentChildren }) {
  return (
    <div class="notice" role="alert">
      <Icon name="warn" />
      {children}
    </div>
  )
}

const endings: Record<string, string> = {
  MAX_TOKENS: 'Ended at the limit of tokens.',
  STOPPED: 'Stopped.',
  SAFETY: 'Ended by the safety policy.',
  PROHIBITED_CONTENT: 'Ended by the safety policy.',
  MALFORMED_FUNCTION_CALL: 'It tried to call a function in a form that could not be read.',
}

function Ending({ finish }: { finish?: string }) {
  if (finish === undefined || finish === 'STOP') return null
  const text = endings[finish] ?? (finish.startsWith('BLOCKED') ? `The prompt was blocked: ${finish.slice(9)}` : finish)
  return <p class="ending">{text}</p>
}

/** Parts in order; thoughts fold. */
function Parts({ parts, isWriting, schema }: { parts: Part[]; isWriting?: boolean; schema?: unknown }) {
  const last = parts.length - 1
  return (
    <>
      {parts.map((part, i) => {
        if (part.media !== undefined) return <MediaView key={i} media={part.media} />
        if (part.text === undefined || part.text === '') return null
        if (part.thought) return <Thought key={i} text={part.text} isWriting={Boolean(isWriting) && i === last} />
        if (schema !== undefined) return <JsonAnswer key={i} text={part.text} schema={schema} isWriting={isWriting} />
        return <Markdown key={i} text={part.text} />
      })}
    </>
  )
}

function Thought({ text, isWriting }: { text: string; isWriting: boolean }) {
  return (
    <details class="thought">
      <summary>
        <Icon name="right" size={14} />
        {isWriting ? 'Thinking' : 'Thoughts'}
      </summary>
      <Markdown text={text} />
    </details>
  )
}

/** An answer that was to match a schema: laid out, and held against it. */
function JsonAnswer({ text, schema, isWriting }: { text: string; schema: unknown; isWriting?: boolean }) {
  if (isWriting) return <pre class="json">{text}</pre>
  const { shown, problems } = checkAnswer(text, schema)
  return (
    <>
      <pre class="json" tabIndex={0}>
        {shown}
      </pre>
      <p class={problems.length > 0 ? 'verdict bad' : 'verdict'}>
        <Icon name={problems.length > 0 ? 'warn' : 'check'} size={16} />
        {problems.length > 0 ? problems.slice(0, 3).join('; ') : 'Matches the schema'}
      </p>
    </>
  )
}

function checkAnswer(text: string, schema: unknown): { shown: string; problems: string[] } {
  try {
    const value: unknown = JSON.parse(text)
    return { shown: JSON.stringify(value, undefined, 2), problems: mismatches(schema, value) }
  } catch {
    return { shown: text, problems: ['This is no whole JSON'] }
  }
}

function MessageBar({ message, index, count, canTrace, onEditing, actions }: MessageViewProps) {
  const isUser = message.role === 'user'
  const text = answerText(message.parts)
  const copy = () => navigator.clipboard.writeText(text).then(() => toast('Copied'))
  return (
    <footer class="bar">
      {count > 1 && (
        <span class="branches" role="group" aria-label="Versions">
          <IconButton
            icon="left"
            label="Version before"
            disabled={index === 0}
            onClick={() => actions.show(message, -1)}
          />
          <span>
            {index + 1}/{count}
          </span>
          <IconButton
            icon="right"
            label="Next version"
            disabled={index === count - 1}
            onClick={() => actions.show(message, 1)}
          />
        </span>
      )}
      <span class="actions">
        {text !== '' && <IconButton icon="copy" label="Copy" onClick={() => void copy()} />}
        {isUser && <IconButton icon="edit" label="Edit" onClick={() => onEditing(true)} />}
        {!isUser && <IconButton icon="again" label="Write again" onClick={() => actions.regenerate(message)} />}
        {!isUser && canTrace && text !== '' && (
          <IconButton icon="experts" label="Experts that read it" onClick={() => actions.experts(message)} />
        )}
        <DeleteButton onDelete={() => actions.remove(message)} />
      </span>
      {!isUser && message.figures !== undefined && <Figures figures={message.figures} />}
    </footer>
  )
}

/** Deleting takes what follows along, so it asks once. */
function DeleteButton({ onDelete }: { onDelete: () => void }) {
  const [asked, setAsked] = useState(false)
  if (!asked) return <IconButton icon="bin" label="Delete from here" onClick={() => setAsked(true)} />
  return (
    <button type="button" class="button small" onClick={onDelete} onBlur={() => setAsked(false)}>
      Delete this and what follows
    </button>
  )
}

function Figures({ figures }: { figures: AnswerFigures }) {
  const { promptTokens, cachedTokens = 0, answerTokens, thoughtTokens = 0, firstMs, totalMs } = figures
  const written = (answerTokens ?? 0) + thoughtTokens
  const writingMs = (totalMs ?? 0) - (firstMs ?? 0)
  const items = [
    promptTokens !== undefined && ['prompt', `${integer(promptTokens)} tokens read`],
    promptTokens !== undefined && cachedTokens > 0 && ['cached', `${percent(cachedTokens / promptTokens)} from cache`],
    written > 0 && [
      'written',
      `${integer(written)} written${thoughtTokens > 0 ? ` (${integer(thoughtTokens)} thoughts)` : ''}`,
    ],
    written > 1 && writingMs > 0 && ['speed', `${((written - 1) / (writingMs / 1000)).toFixed(1)} tokens/s`],
    firstMs !== undefined && ['first', `first after ${seconds(firstMs / 1000)}`],
  ].filter((item) => item !== false)
  return (
    <span class="figures">
      {items.map(([name, text]) => (
        <span key={name} data-figure={name}>
          {text}
        </span>
      ))}
    </span>
  )
}
