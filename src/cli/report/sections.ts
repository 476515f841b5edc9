// Parts that pages share: tiles, tables, lists of facts, and where the text came from.
import { bytes, count } from '../format.ts'
import { type Html, html } from './html.ts'

/** A source of training text: a package or a folder. */
export interface Source {
  name: string
  licence: string
  files: number
  bytes: number
}

/** Sources listed one by one; the rest is summed in one row. */
const maxRows = 24

/** A figure with its name and a note, for `<dl class="tiles">`. */
export function tile(label: string, value: string, note: string): Html {
  return html`<div class="tile">
    <dt>${label}</dt>
    <dd>${value}</dd>
    <p>${note}</p>
  </div>`
}

/** A table that scrolls sideways where it is wide; titles of columns as text, or as th elements of their own. */
export function scrollTable(head: readonly (string | Html)[], rows: Html[], className = 'figures'): Html {
  const titles = head.map((title) => (typeof title === 'string' ? html`<th scope="col">${title}</th>` : title))
  return html`<div class="scroll">
    <table class="${className}">
      <thead>
        <tr>
          ${titles}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}

/** The title of a column of numbers. */
export function numberTitle(title: string): Html {
  return html`<th class="number">${title}</th>`
}

/** A titled two-column table; nothing when there are no facts. */
export function factTable(title: string, facts: readonly [name: string, value: string][]): Html {
  if (facts.length === 0) return html``
  const rows = facts.map(
    ([name, value]) =>
      html`<tr>
        <th scope="row">${name}</th>
        <td>${value}</td>
      </tr>`,
  )
  return html`<section>
    <h2>${title}</h2>
    <table class="facts">
      <tbody>
        ${rows}
      </tbody>
    </table>
  </section>`
}

/** Sources by size, with their licences. */
export function corpusTable(sources: readonly Source[]): Html {
  if (sources.length === 0) return html``
  const sorted = [...sources].sort((a, b) => b.bytes - a.bytes)
  const total = sum(sorted)
  const shown = sorted.slice(0, maxRows)
  const rest = sorted.slice(maxRows)
  const others = { ...sum(rest), name: `${rest.length} more`, licence: licences(rest) }
  const rows = [...shown, ...(rest.length > 0 ? [others] : [])].map(
    (source) =>
      html`<tr>
        <th scope="row">${source.name}</th>
        <td>${source.licence}</td>
        <td class="number">${count(source.files)}</td>
        <td class="number">
          <span class="share" style="--share:${(source.bytes / Math.max(1, total.bytes)).toFixed(4)}"></span
          >${bytes(source.bytes)}
        </td>
      </tr>`,
  )
  return html`<section>
    <h2>Corpus</h2>
    <p class="note">
      ${count(total.files)} files, ${bytes(total.bytes)} from ${count(sources.length)}
      ${sources.length === 1 ? 'source' : 'sources'}.
    </p>
    ${scrollTable(['source', 'licence', numberTitle('files'), numberTitle('text')], rows, 'corpus')}
  </section>`
}

function sum(sources: readonly Source[]): { files: number; bytes: number } {
  const add = (field: 'files' | 'bytes') => sources.reduce((total, source) => total + source[field], 0)
  return { files: add('files'), bytes: add('bytes') }
}

function licences(sources: readonly Source[]): string {
  const names = [...new Set(sources.map((source) => source.licence))]
  return names.length > 6 ? `${names.slice(0, 6).join(', ')}, ...` : names.join(', ')
}
