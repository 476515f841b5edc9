// The messages that are shown, and what is done to them. Follows an answer as it grows, unless one has scrolled away.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { go } from '../lib/route.ts'
import { useStore } from '../lib/store.ts'
import { answerCalls, ask, say, writing } from './answer.ts'
import { changeTree, type Conversation } from './conversations.ts'
import { type MessageActions, MessageView } from './messageView.tsx'
import { isToolAnswer } from './request.ts'
import { type Message, removeBranch, showSibling, siblingsOf } from './tree.ts'

/** What keys of the page may ask for; each tells whether there was anything to do. */
export interface LogHandle {
  edit(): boolean
  regenerate(): boolean
  version(by: number): boolean
}

interface MessageLogProps {
  conversation: Conversation
  path: Message[]
  model: string
  canTrace: boolean
  /** Filled in by this component. */
  log: LogHandle
}

export function MessageLog({ conversation, path, model, canTrace, log }: MessageLogProps) {
  const running = useStore(writing)
  const [editing, setEditing] = useState('')
  const { host, onScroll } = useFollowing(path)
  const { id, tree } = conversation
  const actions: MessageActions = {
    edit: (message, parts) => say(conversation, message.parent, parts, model),
    regenerate: (message) => message.parent !== null && ask(id, message.parent, model),
    remove: (message) => changeTree(id, (now) => removeBranch(now, message.id)),
    show: (message, by) => changeTree(id, (now) => showSibling(now, message.id, by)),
    answer: (message, responses) => answerCalls(conversation, message, responses, model),
    experts: (message) => go(['experts', id, message.id]),
  }
  useEffect(() => {
    const lastOf = (role: Message['role']) =>
      path.findLast((message) => message.role === role && !isToolAnswer(message) && !running.has(message.id))
    log.edit = () => act(lastOf('user'), (message) => setEditing(message.id))
    log.regenerate = () => act(lastOf('model'), actions.regenerate)
    log.version = (by) =>
      act(
        path.findLast((message) => siblingsOf(tree, message.id).siblings.length > 1),
        (message) => actions.show(message, by),
      )
  })
  if (path.length === 0) return <Welcome model={model} />
  return (
    <div class="log" ref={host} onScroll={onScroll} tabIndex={-1}>
      <div class="log-inner" role="log" aria-label="Messages">
        {path.map((message, i) => {
          // what answers calls is shown with the calls
          if (isToolAnswer(message)) return null
          const { siblings, index } = siblingsOf(tree, message.id)
          const next = path.at(i + 1)
          return (
            <MessageView
              key={message.id}
              {...{ message, index, canTrace, actions }}
              count={siblings.length}
              isWriting={running.has(message.id)}
              editing={editing === message.id}
              onEditing={(on) => setEditing(on ? message.id : '')}
              answered={next !== undefined && isToolAnswer(next) ? next : undefined}
            />
          )
        })}
      </div>
    </div>
  )
}

function act(message: Message | undefined, work: (message: Message) => void): boolean {
  if (message !== undefined) work(message)
  return message !== undefined
}

/** Keeps the end in sight while it was in sight, also when a picture comes in later than its message. */
function useFollowing(path: Message[]) {
  const host = useRef<HTMLDivElement>(null)
  const follows = useRef(true)
  const top = useRef(0)
  const lastId = path.at(-1)?.id
  useLayoutEffect(() => {
    const element = host.current
    if (element === null) return
    const toEnd = () => {
      if (follows.current) element.scrollTop = element.scrollHeight
    }
    // a new message is always shown
    follows.current = true
    toEnd()
    const watcher = new ResizeObserver(toEnd)
    watcher.observe(element)
    watcher.observe(element.firstElementChild!)
    return () => watcher.disconnect()
  }, [lastId])
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = host.current!
    // far from the end without having gone up: what was shown has grown
    if (scrollHeight - scrollTop - clientHeight < 48) follows.current = true
    else if (scrollTop < top.current) follows.current = false
    top.current = scrollTop
  }
  return { host, onScroll }
}

function Welcome({ model }: { model: string }) {
  return (
    <div class="log welcome">
      <div>
        <Logo />
        <h2>{model === '' ? 'No model is being served' : `Talk to ${model}`}</h2>
        {model === '' ? (
          <p>
            Start one: <code>npx pollux serve</code>
          </p>
        ) : (
          <p>Ask it something, or drop a picture, a sound or a video here. Nothing leaves this machine.</p>
        )}
        <p class="keys">
          <span>
            <kbd>Enter</kbd> sends
          </span>
          <span>
            <kbd>Shift</kbd> <kbd>Enter</kbd> begins a line
          </span>
          <span>
            <kbd>?</kbd> lists the keys
          </span>
        </p>
      </div>
    </div>
  )
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="7" cy="16" r="4" />
      <circle cx="17" cy="8" r="5" />
      <path d="M9.8 13.2 13.4 11" />
    </svg>
  )
}
