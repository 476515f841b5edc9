// The chat: conversations at the left, the one that is open in the middle, how it asks at the right.
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useState } from 'preact/hooks'
import type { Part } from '../api/geminiTypes.ts'
import { go, route } from '../lib/route.ts'
import { keptStore, useStore } from '../lib/store.ts'
import { IconButton } from '../ui/controls.tsx'
import { Icon } from '../ui/icons.tsx'
import { useShortcuts } from '../ui/shortcuts.ts'
import { say, stop, writing } from './answer.ts'
import { CodeDialog } from './codeDialog.tsx'
import { addFiles, Composer, drafts, emptyDraft } from './composer.tsx'
import { ConversationList } from './conversationList.tsx'
import { changeSettings, type Conversation, conversations, nameOf, newConversation } from './conversations.ts'
import { MessageLog, type LogHandle } from './messageLog.tsx'
import { findModel, modelId, models } from './models.ts'
import { buildRequest } from './request.ts'
import { type Settings, settingsProblem } from './settings.ts'
import { SettingsPanel } from './settingsPanel.tsx'
import { pathOf } from './tree.ts'
import { useGauge } from './useGauge.ts'

/** Which side panels are open, on a wide and on a narrow page. */
const layout = keptStore('pollux.layout', { list: true, panel: true })
const isNarrow = matchMedia('(max-width: 900px)')

export function ChatPage({ canTrace }: { canTrace: boolean }) {
  const [, id = ''] = useStore(route)
  const all = useStore(conversations)
  const [fresh, setFresh] = useState<Conversation>(newConversation)
  const conversation = all.find((one) => one.id === id) ?? fresh
  useEffect(() => {
    // an address of a conversation that is no longer there
    if (id !== '' && conversation.id !== id) go(['chat'], true)
  }, [id, conversation.id])
  const open = (next: string) => go(next === '' ? ['chat'] : ['chat', next])
  const openNew = () => {
    setFresh(newConversation())
    open('')
    focusComposer()
  }
  return <Talk key={conversation.id} {...{ conversation, setFresh, open, openNew, canTrace }} />
}

interface TalkProps {
  conversation: Conversation
  setFresh: (conversation: Conversation) => void
  open: (id: string) => void
  openNew: () => void
  canTrace: boolean
}

function Talk({ conversation, setFresh, open, openNew, canTrace }: TalkProps) {
  const { id, settings, tree } = conversation
  const { list: modelList, error: modelError } = useStore(models)
  const shown = useStore(layout)
  const draft = useStore(drafts).get(id) ?? emptyDraft
  const running = useStore(writing)
  const [drawer, setDrawer] = useState<'' | 'list' | 'panel'>('')
  const [coding, setCoding] = useState(false)
  const [log] = useState<LogHandle>({ edit: () => false, regenerate: () => false, version: () => false })
  const path = useMemo(() => pathOf(tree), [tree])
  const model = findModel(modelList, settings.model)
  const isWriting = path.some((message) => running.has(message.id))
  const gauge = useGauge(conversation, draft, model, isWriting)
  const problem = model === undefined ? (modelError ?? 'There is no model to ask.') : settingsProblem(settings)

  const change = (fields: Partial<Settings>) => setFresh(changeSettings(conversation, fields))
  const send = (parts: Part[]) => {
    say(conversation, path.at(-1)?.id ?? null, parts, modelId(model))
    go(['chat', id], true)
  }
  const toggle = (side: 'list' | 'panel') => {
    if (isNarrow.matches) setDrawer((now) => (now === side ? '' : side))
    else layout.update((sides) => ({ ...sides, [side]: !sides[side] }))
  }
  useShortcuts([
    { keys: 'n', label: 'New conversation', act: openNew },
    { keys: '/', label: 'Write', act: focusComposer },
    { keys: 'Escape', label: 'Stop the answer, or close', act: () => closeOrStop(), typing: true },
    { keys: 'e', label: 'Edit your last message', act: () => log.edit() },
    { keys: 'r', label: 'Write the last answer again', act: () => log.regenerate() },
    { keys: '[', label: 'Version before', act: () => log.version(-1) },
    { keys: ']', label: 'Next version', act: () => log.version(1) },
    { keys: 'l', label: 'Conversations', act: () => toggle('list') },
    { keys: ',', label: 'Settings', act: () => toggle('panel') },
    { keys: 'k', label: 'Get code', act: () => setCoding(true) },
  ])
  const closeOrStop = () => {
    if (drawer === '') return stop(conversation)
    setDrawer('')
    return true
  }
  useDrawerFocus(drawer)
  const pick = (next: string) => {
    setDrawer('')
    open(next)
  }
  const classes = ['chat', shown.list && 'with-list', shown.panel && 'with-panel', drawer && `drawer-${drawer}`]
  return (
    <div class={classes.filter(Boolean).join(' ')}>
      <aside class="side list" tabIndex={-1}>
        <ConversationList openId={id} onOpen={pick} onNew={() => (setDrawer(''), openNew())} />
      </aside>
      {drawer !== '' && <div class="veil" onClick={() => setDrawer('')} />}
      <DropZone id={id} inert={drawer !== ''}>
        <header class="talk-head">
          <IconButton icon="menu" label="Conversations (l)" onClick={() => toggle('list')} />
          <h1>{path.length === 0 ? 'New conversation' : nameOf(conversation)}</h1>
          <span class="model-name">{modelId(model)}</span>
          <IconButton icon="code" label="Get code (k)" onClick={() => setCoding(true)} />
          <IconButton icon="tune" label="Settings (,)" onClick={() => toggle('panel')} />
        </header>
        <MessageLog {...{ conversation, path, canTrace, log, model: modelId(model) }} />
        <Composer {...{ id, draft, isWriting, problem, gauge }} onSend={send} onStop={() => stop(conversation)} />
      </DropZone>
      <aside class="side panel" aria-label="Settings" tabIndex={-1}>
        <SettingsPanel {...{ settings, model, models: modelList, onChange: change }} />
      </aside>
      {coding && (
        <CodeDialog
          request={buildRequest(
            codePath(path, draft),
            problem === '' ? settings : { ...settings, format: 'text', tools: false },
          )}
          settings={settings}
          model={modelId(model)}
          onClose={() => setCoding(false)}
        />
      )}
    </div>
  )
}

/** A drawer has the focus while it is open, and gives it back. */
function useDrawerFocus(drawer: '' | 'list' | 'panel'): void {
  // at once: the page behind it is inert, and loses the focus soon
  useLayoutEffect(() => {
    if (drawer === '') return
    const before = document.activeElement as HTMLElement | null
    document.querySelector<HTMLElement>(`.side.${drawer}`)?.focus()
    return () => before?.focus()
  }, [drawer])
}

/** What would be sent now: the conversation up to the last question, or what is being written. */
function codePath(path: ReturnType<typeof pathOf>, { text, files }: { text: string; files: Part['media'][] }) {
  const parts = [...files.map((media) => ({ media })), ...(text.trim() === '' ? [] : [{ text: text.trim() }])]
  if (parts.length > 0) return [...path, { id: '', parent: null, role: 'user' as const, parts, createdAt: 0 }]
  const last = path.findLastIndex(({ role }) => role === 'user')
  const hello = { id: '', parent: null, role: 'user' as const, parts: [{ text: 'Hello' }], createdAt: 0 }
  return last < 0 ? [hello] : path.slice(0, last + 1)
}

/** The middle of the page takes files that are dropped anywhere on it. */
function DropZone({ id, inert, children }: { id: string; inert: boolean; children: ComponentChildren }) {
  const [over, setOver] = useState(false)
  return (
    <section
      class="talk"
      aria-label="Conversation"
      inert={inert}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false)
      }}
      onDrop={(event) => {
        setOver(false)
        const files = [...(event.dataTransfer?.files ?? [])]
        if (files.length === 0) return
        event.preventDefault()
        void addFiles(id, files)
      }}
    >
      {children}
      {over && (
        <div class="drop">
          <Icon name="attach" size={28} />
          Drop pictures, sound, video or text here
        </div>
      )}
    </section>
  )
}

function focusComposer(): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>('.composer-text')?.focus())
}
