// The conversations there are: open, name, delete.
import { useEffect, useRef, useState } from 'preact/hooks'
import { ago } from '../lib/format.ts'
import { useStore } from '../lib/store.ts'
import { IconButton } from '../ui/controls.tsx'
import { Icon } from '../ui/icons.tsx'
import { type Conversation, conversations, deleteConversation, nameOf, putConversation } from './conversations.ts'

interface ListProps {
  openId: string
  onOpen: (id: string) => void
  onNew: () => void
}

export function ConversationList({ openId, onOpen, onNew }: ListProps) {
  const all = useStore(conversations)
  const [naming, setNaming] = useState('')
  const [wanted, setWanted] = useState('')
  const shown = all.filter((one) => nameOf(one).toLowerCase().includes(wanted.trim().toLowerCase()))
  return (
    <nav class="conversations" aria-label="Conversations">
      <button type="button" class="button new" onClick={onNew}>
        <Icon name="plus" size={18} />
        New conversation
      </button>
      {all.length > 8 && (
        <input
          type="search"
          aria-label="Find a conversation"
          placeholder="Find"
          value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <ul>
        {shown.map((one) => (
          <li key={one.id} class={one.id === openId ? 'open' : ''}>
            {naming === one.id ? (
              <NameField conversation={one} onDone={() => setNaming('')} />
            ) : (
              <>
                <button
                  type="button"
                  class="conversation"
                  aria-current={one.id === openId ? 'page' : undefined}
                  onClick={() => onOpen(one.id)}
                >
                  <span class="conversation-name">{nameOf(one)}</span>
                  <span class="faint">{ago(one.changedAt)}</span>
                </button>
                <span class="actions">
                  <IconButton icon="edit" label={`Rename ${nameOf(one)}`} size={15} onClick={() => setNaming(one.id)} />
                  <IconButton
                    icon="bin"
                    label={`Delete ${nameOf(one)}`}
                    size={15}
                    onClick={() => deleteConversation(one)}
                  />
                </span>
              </>
            )}
          </li>
        ))}
      </ul>
      {all.length > 0 && shown.length === 0 && <p class="hint">None is called that.</p>}
    </nav>
  )
}

function NameField({ conversation, onDone }: { conversation: Conversation; onDone: () => void }) {
  const [title, setTitle] = useState(nameOf(conversation))
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    field.current!.focus()
    field.current!.select()
  }, [])
  const keep = () => {
    if (title.trim() !== nameOf(conversation)) putConversation({ ...conversation, title: title.trim() }, false)
    onDone()
  }
  return (
    <input
      class="naming"
      aria-label="Name of the conversation"
      ref={field}
      value={title}
      onInput={(event) => setTitle(event.currentTarget.value)}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.key === 'Enter') keep()
        if (event.key === 'Escape') onDone()
      }}
    />
  )
}
