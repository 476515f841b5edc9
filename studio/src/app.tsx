// The frame of all pages: where one can go, the theme, help, short messages.
import { useEffect, useState } from 'preact/hooks'
import { type About, getAbout } from './api/studio.ts'
import { access } from './api/http.ts'
import { ChatPage } from './chat/chatPage.tsx'
import { Logo } from './chat/messageLog.tsx'
import { EnginePage } from './engine/enginePage.tsx'
import { ExpertsPage } from './experts/expertsPage.tsx'
import { go, hashOf, route } from './lib/route.ts'
import { useStore } from './lib/store.ts'
import { RunsPage } from './runs/runsPage.tsx'
import { IconButton } from './ui/controls.tsx'
import { HelpDialog } from './ui/helpDialog.tsx'
import { Icon, type IconName } from './ui/icons.tsx'
import { useShortcuts } from './ui/shortcuts.ts'
import { isDark, theme, themeChanges, toggleTheme } from './ui/theme.ts'
import { ToastView } from './ui/toastView.tsx'

const places: readonly (readonly [path: string, name: string, icon: IconName])[] = [
  ['chat', 'Chat', 'chat'],
  ['runs', 'Runs', 'runs'],
  ['experts', 'Experts', 'experts'],
  ['engine', 'Engine', 'engine'],
]

export function App() {
  const [place = 'chat'] = useStore(route)
  const [help, setHelp] = useState(false)
  const about = useAbout()
  useStore(theme)
  useStore(themeChanges)
  useEffect(() => {
    document.title = `${places.find(([path]) => path === place)?.[1] ?? 'Chat'} · Pollux`
  }, [place])
  useShortcuts([
    { keys: '?', label: 'This list', act: () => setHelp(true) },
    { keys: 'g c', label: 'Go to Chat', act: () => go(['chat']) },
    { keys: 'g r', label: 'Go to Runs', act: () => go(['runs']) },
    { keys: 'g x', label: 'Go to Experts', act: () => go(['experts']) },
    { keys: 'g e', label: 'Go to Engine', act: () => go(['engine']) },
    { keys: 'd', label: 'Dark or light', act: toggleTheme },
  ])
  const themeLabel = isDark() ? 'Light theme (d)' : 'Dark theme (d)'
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <nav class="rail" aria-label="Pages">
        <a class="brand" href={hashOf('chat')} aria-label="Pollux">
          <Logo />
        </a>
        {places.map(([path, name, icon]) => (
          <a key={path} class="place" href={hashOf(path)} aria-current={path === place ? 'page' : undefined}>
            <Icon name={icon} />
            <span>{name}</span>
          </a>
        ))}
        <span class="rail-end">
          <IconButton icon={isDark() ? 'sun' : 'moon'} label={themeLabel} onClick={toggleTheme} />
          <IconButton icon="help" label="Keys (?)" onClick={() => setHelp(true)} />
        </span>
      </nav>
      <main id="main" tabIndex={-1}>
        <Page place={place} about={about} />
      </main>
      {help && <HelpDialog about={about} onClose={() => setHelp(false)} />}
      <ToastView />
    </div>
  )
}

function Page({ place, about }: { place: string; about: About | undefined }) {
  if (place === 'runs') return <RunsPage folder={about?.runsFolder ?? ''} />
  if (place === 'experts') return <ExpertsPage about={about} />
  if (place === 'engine') return <EnginePage />
  return <ChatPage canTrace={about?.experts ?? false} />
}

/** What this server can; asked again when the key changes. */
function useAbout(): About | undefined {
  const { key } = useStore(access)
  const [about, setAbout] = useState<About>()
  useEffect(() => {
    void getAbout().then(setAbout, () => setAbout(undefined))
  }, [key])
  return about
}

/** The address behind # is the page: a jump within it must not change that. */
function skip(event: MouseEvent): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
