// Text of a model as Markdown, made safe: no scripts, no styles, no requests (pictures of other machines become links).
//
// While an answer streams in, only its last block changes; the blocks before it keep their HTML.
import DOMPurify from 'dompurify'
import { marked, type Token } from 'marked'
import { useMemo } from 'preact/hooks'

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.nodeName === 'A') {
    node.setAttribute('target', '_blank')
    node.setAttribute('rel', 'noopener noreferrer')
  }
  if (node.nodeName === 'IMG' && !/^data:image\//.test(node.getAttribute('src') ?? '')) {
    const source = node.getAttribute('src') ?? ''
    node.replaceWith(`[${node.getAttribute('alt') || 'picture'}: ${source}]`)
  }
})

marked.use({
  renderer: {
    code({ text, lang }) {
      const language = (lang ?? '').match(/^[\w+#.-]+/)?.[0] ?? ''
      return (
        `<div class="code"><div class="code-head"><span>${escape(language)}</span>` +
        `<button type="button" data-copy>Copy</button></div><pre tabindex="0"><code>${escape(text)}</code></pre></div>`
      )
    },
    table(token) {
      const cells = (row: typeof token.header, tag: string) =>
        row.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join('')
      const rows = token.rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')
      return `<div class="scroll"><table><thead><tr>${cells(token.header, 'th')}</tr></thead><tbody>${rows}</tbody></table></div>`
    },
  },
})

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

function toHtml(token: Token): string {
  const html = marked.parser([token])
  return DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ['style', 'form', 'input', 'select', 'textarea', 'audio', 'video', 'iframe'],
    FORBID_ATTR: ['style', 'class', 'id', 'name', 'srcset'],
    ADD_ATTR: ['data-copy', 'target'],
    ALLOW_UNKNOWN_PROTOCOLS: false,
  })
}

export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => marked.lexer(text), [text])
  return (
    <div class="markdown" onClick={onCopy}>
      {tokens.map((token, i) => (
        <Block key={i} token={token} raw={token.raw} />
      ))}
    </div>
  )
}

function Block({ token, raw }: { token: Token; raw: string }) {
  const html = useMemo(() => toHtml(token), [raw, token.type])
  return <div class="block" dangerouslySetInnerHTML={{ __html: html }} />
}

/** The copy buttons of code, which are plain HTML. */
function onCopy(event: MouseEvent): void {
  const button = event.target
  if (!(button instanceof HTMLButtonElement) || button.dataset.copy === undefined) return
  const code = button.closest('.code, div')?.parentElement?.querySelector('code')?.textContent ?? ''
  void navigator.clipboard.writeText(code).then(() => {
    button.textContent = 'Copied'
    setTimeout(() => (button.textContent = 'Copy'), 1500)
  })
}
