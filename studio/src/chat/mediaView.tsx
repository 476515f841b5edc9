// Files of a message: pictures, sound, video, or a name.
import type { MediaRef } from '../api/geminiTypes.ts'
import { bytes } from '../lib/format.ts'
import { useStore } from '../lib/store.ts'
import { Icon } from '../ui/icons.tsx'
import { addresses, addressOf } from './media.ts'

/** @param small a preview in the composer instead of the whole thing */
export function MediaView({ media, small }: { media: MediaRef; small?: boolean }) {
  useStore(addresses)
  const address = addressOf(media)
  const [kind] = media.mimeType.split('/')
  const title = `${media.name}, ${bytes(media.bytes)}`
  if (address !== undefined && kind === 'image') {
    const picture = <img src={address} alt={media.name} title={title} onLoad={markTiny} />
    return small ? (
      picture
    ) : (
      <a class="picture" href={address} download={media.name} title={`${title}: save it`}>
        {picture}
      </a>
    )
  }
  if (address !== undefined && !small) {
    if (kind === 'video') return <video src={address} controls preload="metadata" aria-label={title} />
    if (kind === 'audio') return <audio src={address} controls preload="metadata" aria-label={title} />
  }
  return (
    <span class="file" title={title}>
      <Icon name={kind === 'audio' ? 'sound' : 'file'} />
      <span class="file-name">{media.name}</span>
      <span class="faint">{bytes(media.bytes)}</span>
    </span>
  )
}

/** Below this many pixels a picture is shown larger than it is. */
const tiny = 128

function markTiny({ currentTarget }: { currentTarget: HTMLImageElement }): void {
  currentTarget.classList.toggle('tiny', currentTarget.naturalWidth < tiny)
}
