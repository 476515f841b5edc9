// The conversations of this browser: which there are, which one is open, how each asks; kept as they change.
//
// Several tabs may be open: what one keeps, the others read again, unless they are writing an answer into it.
import { readAll, readOne, remove, write } from '../lib/database.ts'
import { newId } from '../lib/id.ts'
import { keptStore, Store } from '../lib/store.ts'
import { toast } from '../ui/toast.ts'
import { defaultSettings, type Settings } from './settings.ts'
import { emptyTree, titleOf, type Tree } from './tree.ts'

export interface Conversation {
  id: string
  /** '': named by its beginning. */
  title: string
  createdAt: number
  changedAt: number
  tree: Tree
  settings: Settings
}

/** Newest change first. */
export const conversations = new Store<readonly Conversation[]>([])
export const openId = new Store<string>('')
/** False until what is kept has been read. */
export const loaded = new Store(false)
/** What a new conversation begins with: the settings last used. */
const lastSettings = keptStore<Settings>('pollux.settings', defaultSettings)

const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('pollux-studio')
const waiting = new Map<string, ReturnType<typeof setTimeout>>()

/** Reads what is kept. */
export async function loadConversations(): Promise<void> {
  const kept = await readAll<Conversation>('conversations').catch(() => [])
  conversations.set(kept.map(completed).sort((a, b) => b.changedAt - a.changedAt))
  loaded.set(true)
  channel?.addEventListener('message', ({ data }: MessageEvent<string>) => void reload(data))
  addEventListener('pagehide', () => [...waiting.keys()].forEach(keepNow))
}

/** One kept by an earlier version gets the fields that came since. */
function completed(conversation: Conversation): Conversation {
  return { ...conversation, settings: { ...defaultSettings, ...conversation.settings } }
}

async function reload(id: string): Promise<void> {
  if (waiting.has(id)) return
  const kept = await readOne<Conversation>('conversations', id)
  conversations.update((list) => {
    const others = list.filter((conversation) => conversation.id !== id)
    return kept === undefined ? others : sorted([completed(kept), ...others])
  })
}

const sorted = (list: Conversation[]) => list.sort((a, b) => b.changedAt - a.changedAt)

export function findConversation(id: string): Conversation | undefined {
  return conversations.value.find((conversation) => conversation.id === id)
}

export function nameOf(conversation: Conversation): string {
  return conversation.title || titleOf(conversation.tree)
}

/** A fresh one; it is kept once something is said in it. */
export function newConversation(): Conversation {
  const now = Date.now()
  return { id: newId(), title: '', createdAt: now, changedAt: now, tree: emptyTree, settings: lastSettings.value }
}

/** Puts in a conversation, new or changed, and keeps it soon. */
export function putConversation(conversation: Conversation, touch = true): void {
  const changed = touch ? { ...conversation, changedAt: Date.now() } : conversation
  conversations.update((list) => sorted([changed, ...list.filter(({ id }) => id !== changed.id)]))
  if (!waiting.has(changed.id))
    waiting.set(
      changed.id,
      setTimeout(() => keepNow(changed.id), 400),
    )
}

/** Changes the tree of one, wherever it stands now. */
export function changeTree(id: string, change: (tree: Tree) => Tree): void {
  const conversation = findConversation(id)
  if (conversation !== undefined) putConversation({ ...conversation, tree: change(conversation.tree) })
}

/** Settings of a conversation; they are also those of the next new one. */
export function changeSettings(conversation: Conversation, change: Partial<Settings>): Conversation {
  const settings = { ...conversation.settings, ...change }
  lastSettings.set(settings)
  const changed = { ...conversation, settings }
  if (findConversation(conversation.id) !== undefined) putConversation(changed, false)
  return changed
}

function keepNow(id: string): void {
  clearTimeout(waiting.get(id))
  waiting.delete(id)
  const conversation = findConversation(id)
  if (conversation === undefined) return
  write('conversations', conversation)
    .then(() => channel?.postMessage(id))
    .catch((error: Error) => toast(`This conversation could not be kept: ${error.message}`))
}

/** Takes one away, and offers to bring it back. Its files stay until then. */
export function deleteConversation(conversation: Conversation): void {
  const { id } = conversation
  clearTimeout(waiting.get(id))
  waiting.delete(id)
  conversations.update((list) => list.filter((other) => other.id !== id))
  void remove('conversations', id).then(() => channel?.postMessage(id))
  toast(`Deleted “${nameOf(conversation)}”`, { label: 'Undo', act: () => putConversation(conversation, false) })
}
