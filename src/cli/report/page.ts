// The shell of every page that Pollux writes: one file that asks nothing of any other machine.
//
// Styles, scripts and data are inlined, and a content security policy forbids every request, so the promise holds even for text
// that a model wrote.
import { readFileSync } from 'node:fs'
import { embedJson, embedSource, Html, html } from './html.ts'

export interface PageParts {
  title: string
  /** Style sheets as text, in order; `ownFile('page.css')` is the house's. */
  styles: readonly string[]
  /** What stands in the body. */
  body: Html
  /** Whether pictures and sounds are inlined as data. Default false. */
  media?: boolean
  /** Data for scripts, in an element of this id, and the scripts as text, in order. Default none: scripts are forbidden. */
  script?: { id: string; data: unknown; sources: readonly string[] }
}

/** The whole page as text. */
export function renderPage({ title, styles, body, media = false, script }: PageParts): string {
  const allowed = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    ...(script ? ["script-src 'unsafe-inline'"] : []),
    ...(media ? ['img-src data:', 'media-src data:'] : []),
  ]
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${policy(allowed)}
        <title>${title}</title>
        <style>
          ${styles.map(embedSource)}
        </style>
      </head>
      <body>
        ${body} ${script ? scriptElements(script) : html``}
      </body>
    </html> `
  return page.text
}

/** A file of this folder. */
export function ownFile(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

/** Directives are ours: their quotes are not escaped, so that a reader of the page finds them as they are. */
function policy(directives: readonly string[]): Html {
  return new Html(`<meta http-equiv="Content-Security-Policy" content="${directives.join(';')}" />`)
}

function scriptElements({ id, data, sources }: NonNullable<PageParts['script']>): Html {
  return html`<script type="application/json" id="${id}">
      ${embedJson(data)}
    </script>
    ${sources.map(
      (source) =>
        html`<script>
          ${embedSource(source)}
        </script>`,
    )}`
}
