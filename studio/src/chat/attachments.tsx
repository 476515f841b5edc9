// Files on their way into a message.
import type { MediaRef } from '../api/geminiTypes.ts'
import { toast } from '../ui/toast.ts'
import { IconButton } from '../ui/controls.tsx'
import { isMedia, keepMedia } from './media.ts'
import { MediaView } from './mediaView.tsx'

/** Files that a model may read; others are told of and left out. A text file's content comes as text. */
export async function takeFiles(files: Iterable<File>): Promise<{ media: MediaRef[]; text: string }> {
  const media: MediaRef[] = []
  const texts: string[] = []
  const refused: string[] = []
  for (const file of files) {
    if (isMedia(file.type) || /\.(flac|opus|mkv|avif)$/i.test(file.name)) media.push(keepMedia(file, file.name))
    else if (await isText(file)) texts.push(`${file.name}:\n\n${await file.text()}`)
    else refused.push(file.name)
  }
  if (refused.length > 0) toast(`Neither picture, sound, video nor text: ${refused.join(', ')}`)
  return { media, text: texts.join('\n\n') }
}

async function isText(file: File): Promise<boolean> {
  if (file.size > 4 << 20) return false
  const bytes = new Uint8Array(await file.slice(0, 4096).arrayBuffer())
  return !bytes.includes(0) && !/^application\/(pdf|zip)/.test(file.type)
}

export function AttachmentList({ files, onRemove }: { files: MediaRef[]; onRemove: (id: string) => void }) {
  if (files.length === 0) return null
  return (
    <ul class="attachments" aria-label="Files">
      {files.map((media) => (
        <li key={media.id}>
          <MediaView media={media} small />
          <IconButton icon="close" label={`Remove ${media.name}`} size={14} onClick={() => onRemove(media.id)} />
        </li>
      ))}
    </ul>
  )
}
