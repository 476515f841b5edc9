// Where one writes: text that grows with its lines, files by button, drop or paste, and how much of the context is used.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { MediaRef, Part } from '../api/geminiTypes.ts'
import { IconButton } from '../ui/controls.tsx'
import { Icon } from '../ui/icons.tsx'
import { Store } from '../lib/store.ts'
import { AttachmentList, takeFiles } from './attachments.tsx'
import { ContextGauge } from './contextGauge.tsx'

export interface Draft {
  text: string
  files: MediaRef[]
}

export const emptyDraft: Draft = { text: '', files: [] }

/** Unsent text of every conversation, as long as the page lives. */
export const drafts = new Store<ReadonlyMap<string, Draft>>(new Map())

export function setDraft(id: string, draft: Draft): void {
  drafts.update((map) => new Map(map).set(id, draft))
}

/** Adds files to what is being written. */
export async function addFiles(id: string, list: Iterable<File>): Promise<void> {
  const { media, text } = await takeFiles(list)
  const draft = drafts.value.get(id) ?? emptyDraft
  const joined = [draft.text, text].filter((part) => part !== '').join('\n\n')
  setDraft(id, { text: joined, files: [...draft.files, ...media] })
}

interface ComposerProps {
  id: string
  draft: Draft
  isWriting: boolean
  /** Why nothing can be sent; '': it can. */
  problem: string
  gauge: { used: number; limit: number; exact: boolean } | undefined
  onSend: (parts: Part[]) => void
  onStop: () => void
}

export function Composer({ id, draft, isWriting, problem, gauge, onSend, onStop }: ComposerProps) {
  const [refused, setRefused] = useState(false)
  const isEmpty = draft.text.trim() === '' && draft.files.length === 0
  useEffect(() => setRefused(false), [problem])
  const send = () => {
    setRefused(problem !== '' && !isEmpty)
    if (isEmpty || problem !== '' || isWriting) return
    const text = draft.text.trim()
    onSend([...draft.files.map((media) => ({ media })), ...(text === '' ? [] : [{ text }])])
    setDraft(id, emptyDraft)
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      {refused && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="composer-box">
        <AttachmentList
          files={draft.files}
          onRemove={(gone) => setDraft(id, { ...draft, files: draft.files.filter((file) => file.id !== gone) })}
        />
        <MessageField {...{ id, draft, send }} />
        <div class="composer-foot">
          <FileButton id={id} />
          {gauge !== undefined && <ContextGauge {...gauge} />}
          {isWriting ? (
            <button type="button" class="send" title="Stop (Esc)" aria-label="Stop" onClick={onStop}>
              <Icon name="stop" />
            </button>
          ) : (
            <button type="submit" class="send" title="Send (Enter)" aria-label="Send" disabled={isEmpty}>
              <Icon name="send" />
            </button>
          )}
        </div>
      </div>
    </form>
  )
}

/** Grows with its lines; Enter sends, files that are pasted are taken in. */
function MessageField({ id, draft, send }: { id: string; draft: Draft; send: () => void }) {
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => grow(field.current!), [draft.text, id])
  return (
    <textarea
      ref={field}
      class="composer-text"
      aria-label="Message"
      placeholder="Ask, show or play something"
      rows={1}
      value={draft.text}
      onInput={(event) => setDraft(id, { ...draft, text: event.currentTarget.value })}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
        event.preventDefault()
        send()
      }}
      onPaste={(event) => {
        const files = [...(event.clipboardData?.files ?? [])]
        if (files.length === 0) return
        event.preventDefault()
        void addFiles(id, files)
      }}
    />
  )
}

function FileButton({ id }: { id: string }) {
  const picker = useRef<HTMLInputElement>(null)
  return (
    <>
      <IconButton
        icon="attach"
        label="Add pictures, sound, video or text files"
        onClick={() => picker.current!.click()}
      />
      <input
        ref={picker}
        class="unseen"
        type="file"
        multiple
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          void addFiles(id, [...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}

function grow(field: HTMLTextAreaElement): void {
  field.style.height = 'auto'
  field.style.height = `${Math.min(field.scrollHeight, Math.round(innerHeight * 0.4))}px`
}
