// Text into HTML, safely. Everything that comes from outside (names, paths, licences, model output) goes
// through `html` or `escapeHtml`; data for the page's script goes through `embedJson`.

/** A piece of HTML that is already safe. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = string | number | Html | Html[]

/** Escapes text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

/** Template of safe HTML: strings and numbers put in are escaped, Html is taken as it is. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  const render = (value: Value): string => {
    if (value instanceof Html) return value.text
    if (Array.isArray(value)) return value.map(render).join('')
    return escapeHtml(String(value))
  }
  return new Html(parts.reduce((text, part, i) => text + render(values[i - 1]) + part))
}

/** JSON for a script element: no `<`, so neither `</script>` nor `<!--` can end or open anything. */
export function embedJson(value: unknown): Html {
  const json = JSON.stringify(value)
  return new Html(json.replace(/[<\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`))
}

/** A script or style sheet of our own or of a package, made unable to close its element. */
export function embedSource(source: string): Html {
  return new Html(source.replace(/<(?=\/(script|style))/gi, '\\x3c'))
}
