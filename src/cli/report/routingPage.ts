// routing.html: what the experts of a run did in training and what they read, with no request leaving the page.
//
// Tables that need no choice stand in the page; what depends on a layer is drawn by routingPage.js from the data beside it. All
// colours come with numbers: in cells, on hover, and in the text on request.
import type { RoutingAnalysis, RoutingSample } from '../../evals/index.ts'
import type { RoutingRecordStep } from '../../train/index.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'
import { count, decimals, percent } from '../format.ts'
import { type Html, html } from './html.ts'
import { ownFile, renderPage } from './page.ts'
import { routingSeries } from './routingSeries.ts'
import { routingTexts } from './routingTexts.ts'
import { numberTitle, scrollTable, tile } from './sections.ts'

export interface RoutingPageData {
  run: { name: string; record: { createdAt: string } }
  /** What was read. */
  from: string
  /** The layer that is shown first. */
  layer: number
  analysis: RoutingAnalysis
  record: RoutingRecordStep[]
  sample: RoutingSample
  tokenizer: Tokenizer
  /** A token in lists. */
  label: (id: number) => string
  /** What was typed. */
  command: string
}

/** The whole page as text. */
export function renderRoutingPage(data: RoutingPageData): string {
  const series = routingSeries(data.record)
  return renderPage({
    title: `${data.run.name} · experts · Pollux`,
    styles: [ownFile('page.css'), ownFile('routingPage.css')],
    body: html`<main>
      ${header(data)} ${tiles(data)} ${alertSection(data.record)} ${layerTable(data.analysis)}
      <noscript
        ><p class="note">What follows for each layer needs JavaScript; the command prints it as tables.</p></noscript
      >
      <nav id="layers" class="layers" aria-label="Layer"></nav>
      ${series === null ? noRecord() : trainingSection()} ${layerSections(data.analysis)} ${methodSection()}
      <footer>
        <h2>Again</h2>
        <pre>${data.command}</pre>
      </footer>
    </main>`,
    script: { id: 'data', data: pageData(data, series), sources: [ownFile('routingPage.js')] },
  })
}

function pageData(
  { analysis, layer, sample, tokenizer, label }: RoutingPageData,
  series: ReturnType<typeof routingSeries>,
) {
  const { experts, topK, tokens, domains, layers } = analysis
  return {
    ...{ experts, topK, tokens, domains, layer, series },
    layers: layers.map((each) => ({
      load: each.load,
      shares: each.domainShares.map(rounded),
      z: each.significance.z.map((row) => row.map((z) => Math.round(z * 10) / 10)),
      together: each.coActivation.map(rounded),
      chance: each.chanceCoActivation.map(rounded),
      words: each.favourites.map((row) => row.map(({ id, share, seen }) => [label(id), round(share), seen])),
    })),
    texts: routingTexts(sample, tokenizer),
  }
}

/** Three digits are enough to draw; null for what is not known. */
function round(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(3)) : null
}
const rounded = (row: readonly number[]): (number | null)[] => row.map(round)

function header({ run, analysis, from }: RoutingPageData): Html {
  const { experts, topK, layers, tokens, documents } = analysis
  return html`<header>
    <p class="brand">Pollux</p>
    <h1>${run.name}: what its experts read</h1>
    <p class="lead">
      ${count(layers.length)} layers of ${count(experts)} experts, ${count(topK)} a token. Read: ${from},
      ${count(tokens)} tokens of ${count(documents)} documents.
    </p>
  </header>`
}

function tiles({ analysis, record }: RoutingPageData): Html {
  const { layers, earlier } = analysis
  const mean = (of: (layer: (typeof layers)[number]) => number) =>
    layers.reduce((sum, layer) => sum + of(layer), 0) / layers.length
  const last = record.at(-1)
  const dead = last?.layers.reduce((sum, layer) => sum + layer.dead, 0)
  return html`<dl class="tiles">
    ${tile(
      'MaxVio',
      decimals(
        mean((layer) => layer.maxVio),
        2,
      ),
      'on these texts, mean of the layers',
    )}
    ${tile('Unused', count(layers.reduce((sum, layer) => sum + layer.unused, 0)), 'experts that read none of them')}
    ${dead === undefined ? html`` : tile('Dead', count(dead), 'experts without a token in the last 100 steps')}
    ${tile('Domain', decimals(mean(({ significance }) => significance.information)), `bits told by an expert; ${decimals(mean(({ significance }) => significance.shuffled))} by chance`)}
    ${earlier.length === 0 ? html`` : tile('Settled', percent(mean(({ saturation }) => saturation[0].overlap)), `of choices since ${earlier[0]}`)}
  </dl>`
}

function alertSection(record: RoutingRecordStep[]): Html {
  const alerts = record.flatMap(({ alerts: each = [] }) => each)
  if (alerts.length === 0) return html``
  const rows = alerts.map(({ step, text, advice }) => html`<li><b>step ${count(step)}</b> ${text}; ${advice}</li>`)
  return html`<section>
    <h2>Alerts of training</h2>
    <ul class="alerts">
      ${rows}
    </ul>
  </section>`
}

function layerTable({ layers, domains, earlier }: RoutingAnalysis): Html {
  const compared = domains.length > 1
  const rows = layers.map(
    ({ maxVio, entropy, unused, significance, saturation }, layer) =>
      html`<tr>
        <th scope="row">${layer}</th>
        <td class="number">${decimals(maxVio, 2)}</td>
        <td class="number">${decimals(entropy, 2)}</td>
        <td class="number">${count(unused)}</td>
        ${
          compared
            ? html`<td class="number">
                  ${decimals(significance.information)} <i>(${decimals(significance.shuffled)})</i>
                </td>
                <td class="number">${decimals(significance.p)}</td>`
            : html``
        }
        ${saturation.map(({ overlap, chance }) => html`<td class="number">${percent(overlap)} <i>(${percent(chance)})</i></td>`)}
      </tr>`,
  )
  const head = [
    html`<th>layer</th>`,
    ...['MaxVio', 'entropy', 'unused', ...(compared ? ['domain, bits', 'p'] : [])].map(numberTitle),
    ...earlier.map((name) => numberTitle(`as at ${name}`)),
  ]
  return html`<section>
    <h2>Layers</h2>
    <p class="note">
      In brackets: what chance would give. Entropy is that of the load, 1 where all experts get the same.
    </p>
    ${scrollTable(head, rows, 'corpus figures')}
  </section>`
}

function noRecord(): Html {
  return html`<section>
    <h2>Load over training</h2>
    <p class="note">This run has no record of its routers (it is older, or was trained with --no-routing-record).</p>
  </section>`
}

function trainingSection(): Html {
  return html`<section>
    <div class="heading">
      <h2>Load over training</h2>
      <label class="time">step <input id="time" type="range" min="0" value="0" /> <output id="step"></output></label>
    </div>
    <p class="note">All layers at the step chosen: load of each expert against an even share.</p>
    <div id="loads" class="scroll"></div>
    <p class="scale"><span>½×</span><i></i><span>even</span><i class="over"></i><span>2×</span></p>
    <h3>Layer <span class="layer"></span> from the first step to the last</h3>
    <canvas id="history" class="history" role="img"></canvas>
    <p id="under" class="note readout" aria-live="polite"></p>
    <div id="curves" class="trio"></div>
  </section>`
}

function layerSections({ topK, domains }: RoutingAnalysis): Html {
  return html`<section>
      <h2>Domains in layer <span class="layer"></span></h2>
      <p class="note">
        Of a domain's tokens, the share that meets each expert; coloured against the expert's share of all tokens.
        Framed: more than 3.3 deviations from shuffled domains.
        ${domains.map(({ name, tokens, documents }) => `${name} ${count(tokens)} tokens in ${count(documents)} documents`).join(', ')}.
      </p>
      <div id="domains" class="scroll"></div>
    </section>
    ${
      topK > 1
        ? html`<section>
            <h2>Pairs in layer <span class="layer"></span></h2>
            <p class="note">
              Of the row expert's tokens, the share that also meets the column's; coloured against what their loads
              alone would give.
            </p>
            <div id="pairs" class="scroll"></div>
          </section>`
        : html``
    }
    <section>
      <h2>Tokens that experts like in layer <span class="layer"></span></h2>
      <p class="note">
        With the share of their occurrences that the expert reads, by the lower end of its 95% interval: a rare token
        must be sure to be here. Hover for how often it was seen.
      </p>
      <div id="words"></div>
    </section>
    <section>
      <div class="heading">
        <h2>Text by the expert that read it, layer <span class="layer"></span></h2>
        <label class="time"><input id="numbers" type="checkbox" /> numbers</label>
      </div>
      <p class="note">
        Colour: the likeliest expert of each token${topK > 1 ? '; the line below it: the second' : ''}. Choose an expert
        to see its tokens alone.
      </p>
      <div id="legend" class="legend" role="group" aria-label="Experts"></div>
      <div id="texts"></div>
    </section>`
}

function methodSection(): Html {
  return html`<section>
    <h2>How these figures are made</h2>
    <ul class="method">
      <li>
        Domain: share of the domain's tokens that meet an expert (Dom). Pairs: share of the tokens of one expert that
        meet another (CoAct). Tokens: share of a token's occurrences (Voc). Settled: experts that a token keeps between
        two checkpoints, over K (Sat). Muennighoff et al. 2024, section 5.
      </li>
      <li>
        Bits: mutual information between a token's domain and one of its experts. Chance: the domains shuffled 200 times
        among stretches of text, which stay whole; p is the share of shuffles that reach the figure. Stretches of one
        document are alike, so a domain of few documents tells of these documents rather than of the domain.
      </li>
      <li>
        MaxVio: the largest load over the mean, minus 1. Margin: the score of the last expert chosen less the best left
        out.
      </li>
    </ul>
  </section>`
}
