// needles.html: what a run gives back from long documents, a heat map a kind, with the answers that were wrong.
//
//            depth 0   0.1   0.2 ...        a cell is the share of exact answers; the map says where in a document, and
//   1,024       1       1     1             from which length on, facts are lost
//   32,768     0.5      1     1
import type { ChangedSample, NeedleCell } from '../../evals/index.ts'
import { count, percent } from '../format.ts'
import { type Html, html } from './html.ts'
import { ownFile, renderPage } from './page.ts'
import { scrollTable } from './sections.ts'

/** A cell of any kind; those of the changed sentence have baselines. */
export interface GridCell extends Pick<NeedleCell, 'length' | 'depth' | 'right' | 'asked'> {
  kind: NeedleCell['kind'] | 'changed'
  alone?: number
  chance?: number
}

export interface WrongAnswer extends Pick<NeedleCell, 'kind' | 'length' | 'depth'> {
  name: string
  values: string[]
  answer: string
}

export interface NeedlesPage {
  name: string
  cells: readonly GridCell[]
  wrong: readonly WrongAnswer[]
  changed: readonly ChangedSample[]
}

const titles: Record<GridCell['kind'], string> = {
  single: 'One fact in a document',
  multiple: 'Several facts, each asked for by its name',
  aggregated: 'A trail of three facts, put together',
  changed: 'The changed sentence of a book read twice',
}
/** Wrong answers and changed sentences listed at most. */
const mostListed = 60

const style = `
.needles {
  border-collapse: separate;
  border-spacing: 3px;
}
.needles td {
  min-width: 3.2rem;
  padding: 0.3rem 0.2rem;
  border-radius: 4px;
  text-align: center;
}
.needles th {
  padding-right: 0.6rem;
  color: var(--muted);
  font-weight: 500;
  text-align: right;
}
.answers {
  font-size: 13.5px;
}
.answers :is(th, td) {
  padding: 6px 18px 6px 0;
  border-bottom: 1px solid var(--line);
  text-align: left;
  vertical-align: top;
}
.answers th {
  color: var(--muted);
  font-weight: 500;
  white-space: nowrap;
}
`

/** The page as text; nothing in it is requested from elsewhere. */
export function needlesPage({ name, cells, wrong, changed }: NeedlesPage): string {
  const kinds = (Object.keys(titles) as GridCell['kind'][]).filter((kind) => cells.some((cell) => cell.kind === kind))
  return renderPage({
    title: `${name} · needles · Pollux`,
    styles: [ownFile('page.css'), style],
    body: html`<main>
      <header>
        <h1>${name}</h1>
        <p class="lead">
          Facts hidden in long documents and asked for at their end. Pairs of name and value are ones that training
          never has. A cell is the share of exact answers: rows are tokens of the document, columns the place of the
          fact, from the beginning (0) to the end (1).
        </p>
      </header>
      ${kinds.map((kind) =>
        kindSection(
          kind,
          cells.filter((cell) => cell.kind === kind),
        ),
      )}
      ${wrongSection(wrong)} ${changedSection(changed)}
    </main>`,
  })
}

function kindSection(kind: GridCell['kind'], cells: readonly GridCell[]): Html {
  const lengths = [...new Set(cells.map(({ length }) => length))]
  const depths = [...new Set(cells.map(({ depth }) => depth))]
  const rows = lengths.map((length) => {
    const row = cells.filter((cell) => cell.length === length)
    return html`<tr>
      <th scope="row">${count(length)}</th>
      ${row.map(drawCell)}
      <th scope="row">${percent(shareOf(row))}</th>
    </tr>`
  })
  return html`<section>
    <h2>${titles[kind]}: ${percent(shareOf(cells))}</h2>
    ${kind === 'changed' ? baselines(cells) : html``}
    ${scrollTable(['tokens', ...depths.map((depth) => depth.toFixed(2)), 'all'], rows, 'needles')}
  </section>`
}

function baselines(cells: readonly GridCell[]): Html {
  const mean = (value: (cell: GridCell) => number): number =>
    cells.reduce((sum, cell) => sum + value(cell), 0) / cells.length
  const alone = mean(({ alone = 0, asked }) => alone / asked)
  const chance = mean(({ chance = 0 }) => chance)
  return html`<p class="note">
    Found from the surprise of a single reading: ${percent(alone)}; by chance: ${(chance * 100).toFixed(2)}%.
  </p>`
}

function drawCell({ kind, length, depth, right, asked }: GridCell): Html {
  const share = right / asked
  const strength = Math.round(Math.abs(share - 0.5) * 110)
  const colour = share >= 0.5 ? 'train' : 'val'
  return html`<td
    style="background:color-mix(in oklab,var(--${colour}) ${strength}%,var(--even))"
    title="${kind}, ${count(length)} tokens, depth ${depth.toFixed(2)}: ${right} of ${asked}"
  >
    ${percent(share)}
  </td>`
}

function wrongSection(wrong: readonly WrongAnswer[]): Html {
  if (wrong.length === 0) return html``
  const rows = wrong.slice(0, mostListed).map(
    ({ kind, length, depth, name, values, answer }) =>
      html`<tr>
        <td>${kind}</td>
        <td>${count(length)}</td>
        <td>${depth.toFixed(2)}</td>
        <td>${name}</td>
        <td>${values.join(' ')}</td>
        <td>${answer}</td>
      </tr>`,
  )
  const head = ['kind', 'tokens', 'depth', 'asked for', 'right', 'answer']
  return listSection(`Wrong answers: ${wrong.length}`, head, rows)
}

function changedSection(changed: readonly ChangedSample[]): Html {
  if (changed.length === 0) return html``
  const rows = changed.slice(0, mostListed).map(
    ({ length, depth, before, after, found, right }) =>
      html`<tr>
        <td>${count(length)}</td>
        <td>${depth.toFixed(2)}</td>
        <td>${before}</td>
        <td>${after}</td>
        <td>${right ? 'found' : found}</td>
      </tr>`,
  )
  const head = ['tokens', 'depth', 'first reading', 'second reading', 'pointed at']
  return listSection('Changed sentences', head, rows)
}

function listSection(title: string, head: string[], rows: Html[]): Html {
  return html`<section>
    <h2>${title}</h2>
    ${scrollTable(head, rows, 'answers')}
  </section>`
}

function shareOf(cells: readonly GridCell[]): number {
  const sum = (field: 'right' | 'asked'): number => cells.reduce((total, cell) => total + cell[field], 0)
  return sum('right') / sum('asked')
}
