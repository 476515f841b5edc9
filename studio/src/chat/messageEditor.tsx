// Editing what was said: sends it as another version, the one before stays.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Part } from '../api/geminiTypes.ts'
import { AttachmentList } from './attachments.tsx'

interface MessageEditorProps {
  parts: Part[]
  onSend: (parts: Part[]) => void
  onCancel: () => void
}

export function MessageEditor({ parts, onSend, onCancel }: MessageEditorProps) {
  const [text, setText] = useState(parts.map((part) => part.text ?? '').join('\n'))
  const [files, setFiles] = useState(parts.flatMap((part) => part.media ?? []))
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => {
    const { length } = field.current!.value
    field.current!.focus()
    field.current!.setSelectionRange(length, length)
  }, [])
  const send = () => {
    if (text.trim() === '' && files.length === 0) return
    onSend([...files.map((media) => ({ media })), ...(text.trim() === '' ? [] : [{ text }])])
  }
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          event.stopPropagation()
          onCancel()
        }
        if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
          event.preventDefault()
          send()
        }
      }}
    >
      <AttachmentList files={files} onRemove={(id) => setFiles((all) => all.filter((file) => file.id !== id))} />
      <textarea
        ref={field}
        aria-label="Edit your message"
        rows={Math.min(12, text.split('\n').length + 1)}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="row end">
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="button primary">
          Send as another version
        </button>
      </div>
    </form>
  )
}
