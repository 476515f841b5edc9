// The keys that do something on this page, and whose server this is.
import type { About } from '../api/studio.ts'
import { useStore } from '../lib/store.ts'
import { Dialog } from './dialog.tsx'
import { shortcuts } from './shortcuts.ts'

const names: Record<string, string> = { Escape: 'Esc', ArrowLeft: '←', ArrowRight: '→' }

export function HelpDialog({ about, onClose }: { about: About | undefined; onClose: () => void }) {
  const list = useStore(shortcuts)
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="shortcut-list">
        {list.map(({ keys, label }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{names[key] ?? key}</kbd>
              ))}
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      {about !== undefined && <p class="hint">Pollux {about.version}. All of this page comes from this server.</p>}
    </Dialog>
  )
}
