// Begins: theme, keys, what is kept in this browser, then the page.
import { render } from 'preact'
import { App } from './app.tsx'
import { loadConversations } from './chat/conversations.ts'
import { loadModels } from './chat/models.ts'
import { startShortcuts } from './ui/shortcuts.ts'
import { startTheme } from './ui/theme.ts'
import './style/tokens.css'
import './style/base.css'
import './style/shell.css'
import './style/chat.css'
import './style/charts.css'

startTheme()
startShortcuts()
void loadModels()
void loadConversations().then(() => render(<App />, document.getElementById('app')!))
