// Expert load as a heat map: a row a layer, a cell an expert, coloured by its share against the even share.
//
//   load 1.0  every expert gets the same: the colour of the page
//   load > 1  warmer, full colour from 2x up          load < 1  cooler, full colour from 1/2x down
//
// The scale is logarithmic, so twice and half are equally far from even.
import { Html, html } from './html.ts'

/** Load of each expert over the mean of its layer; all zero where nothing was routed. */
export function relativeLoad(counts: readonly number[]): number[] {
  const mean = counts.reduce((sum, x) => sum + x, 0) / counts.length
  return counts.map((count) => (mean > 0 ? count / mean : 0))
}

/** @param load tokens (or shares) of each expert, per layer; a layer without experts is an empty row */
export function expertHeatMap(load: readonly (readonly number[])[]): Html {
  const layers = load.map((counts, layer) => ({ layer, cells: relativeLoad(counts) })).filter((l) => l.cells.length > 0)
  if (layers.length === 0) return new Html('')
  const experts = Math.max(...layers.map((l) => l.cells.length))
  const rows = layers.map(
    ({ layer, cells }) =>
      html`<tr>
        <th scope="row">${layer}</th>
        ${cells.map((cell, i) => drawCell(cell, layer, i))}
      </tr>`,
  )
  const head = Array.from({ length: experts }, (_, i) => html`<th scope="col">${i}</th>`)
  return html`<div class="scroll">
      <table class="heat" style="--experts:${experts}">
        <thead>
          <tr>
            <th scope="col" class="corner">layer</th>
            ${head}
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    <p class="scale"><span>½×</span><i></i><span>even</span><i class="over"></i><span>2×</span></p>`
}

function drawCell(load: number, layer: number, expert: number): Html {
  const strength = load > 0 ? Math.min(1, Math.abs(Math.log2(load))) : 1
  const side = load >= 1 ? 'over' : 'under'
  const text = load.toFixed(load < 9.95 ? 1 : 0)
  return html`<td
    style="background:color-mix(in oklab,var(--${side}) ${Math.round(strength * 100)}%,var(--even))"
    title="layer ${layer}, expert ${expert}: ${load.toFixed(2)} of the even share"
    ${new Html(strength > 0.6 ? ' class="strong"' : '')}
  >
    ${text}
  </td>`
}
