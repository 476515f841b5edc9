// A conversation is a tree of messages, and a path through it is what is shown.
//
//   root ─ user "hi" ─ model "hello" ─ user "tell me a story" ─ model "..."      <- regenerated: two siblings
//        │                           └ user "tell me a joke"                     <- edited: two siblings
//        └ user "hey"                                                            <- the first message edited
//
// Editing and regenerating never lose anything: they add a sibling, and `chosen` remembers which child of each message is shown.
// All functions return a new tree.
import type { Part } from '../api/geminiTypes.ts'

/** Tokens and times of an answer. */
export interface AnswerFigures {
  promptTokens?: number
  cachedTokens?: number
  answerTokens?: number
  thoughtTokens?: number
  /** Milliseconds from sending to the first word, and to the last. */
  firstMs?: number
  totalMs?: number
}

export interface Message {
  id: string
  /** null: the first of its branch. */
  parent: string | null
  role: 'user' | 'model'
  parts: Part[]
  /** Milliseconds since 1970. */
  createdAt: number
  /** Of an answer: who wrote it, how it ended, what it cost. */
  model?: string
  finish?: string
  error?: string
  figures?: AnswerFigures
  /** JSON Schema that it was asked to match. */
  schema?: unknown
}

export interface Tree {
  messages: Record<string, Message>
  /** Child shown under each message; '' stands for the root. */
  chosen: Record<string, string>
}

export const emptyTree: Tree = { messages: {}, chosen: {} }

const rootKey = ''

/** Children of a message (null: the root), oldest first. */
export function childrenOf(tree: Tree, parent: string | null): Message[] {
  return Object.values(tree.messages)
    .filter((message) => message.parent === parent)
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
}

/** The messages shown, first to last. */
export function pathOf(tree: Tree): Message[] {
  const path: Message[] = []
  for (let parent: string | null = null; ;) {
    const children = childrenOf(tree, parent)
    if (children.length === 0) return path
    const chosen = tree.chosen[parent ?? rootKey]
    const shown: Message = children.find(({ id }) => id === chosen) ?? children[children.length - 1]
    path.push(shown)
    parent = shown.id
  }
}

/** From the first message to this one. */
export function pathTo(tree: Tree, id: string | null): Message[] {
  const path: Message[] = []
  for (let at = id; at !== null; at = tree.messages[at].parent) path.unshift(tree.messages[at])
  return path
}

/** A message with those that stand in the same place, itself included, and its number among them. */
export function siblingsOf(tree: Tree, id: string): { siblings: Message[]; index: number } {
  const siblings = childrenOf(tree, tree.messages[id].parent)
  return { siblings, index: siblings.findIndex((message) => message.id === id) }
}

/** Adds a message and shows it. */
export function addMessage(tree: Tree, message: Message): Tree {
  return {
    messages: { ...tree.messages, [message.id]: message },
    chosen: { ...tree.chosen, [message.parent ?? rootKey]: message.id },
  }
}

/** Changes fields of a message; an unknown id changes nothing. */
export function changeMessage(tree: Tree, id: string, change: Partial<Omit<Message, 'id' | 'parent'>>): Tree {
  const message = tree.messages[id]
  if (message === undefined) return tree
  return { ...tree, messages: { ...tree.messages, [id]: { ...message, ...change } } }
}

/** Shows another of a message's siblings: `by` places on, stopping at the ends. */
export function showSibling(tree: Tree, id: string, by: number): Tree {
  const { siblings, index } = siblingsOf(tree, id)
  const next = siblings[Math.max(0, Math.min(siblings.length - 1, index + by))]
  return { ...tree, chosen: { ...tree.chosen, [next.parent ?? rootKey]: next.id } }
}

/** Removes a message and all that follows from it; a sibling takes its place. */
export function removeBranch(tree: Tree, id: string): Tree {
  const gone = new Set<string>()
  const collect = (at: string): void => {
    gone.add(at)
    for (const child of childrenOf(tree, at)) collect(child.id)
  }
  collect(id)
  return {
    messages: Object.fromEntries(Object.entries(tree.messages).filter(([key]) => !gone.has(key))),
    chosen: Object.fromEntries(
      Object.entries(tree.chosen).filter(([key, child]) => !gone.has(key) && !gone.has(child)),
    ),
  }
}

/** What a conversation is called until someone names it: the beginning of what was first asked. */
export function titleOf(tree: Tree): string {
  const first = pathOf(tree)[0]
  const text = first?.parts.map((part) => part.text ?? '').join(' ') ?? ''
  const line = text.trim().replace(/\s+/g, ' ')
  if (line === '') return first === undefined ? 'New conversation' : 'Media'
  return line.length > 48 ? `${line.slice(0, 47).trimEnd()}…` : line
}
