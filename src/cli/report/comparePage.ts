// compare.html: a mixture of experts against dense models, in one file with no request leaving it and no script.
import type { Interval, Verdict } from '../../train/index.ts'
import { bytes, count, decimals, percent, short } from '../format.ts'
import { lossCharts, tuneChart } from './compareCharts.ts'
import type { AblationRow, ComparePage, ContestantRow } from './compareData.ts'
import { type Html, html } from './html.ts'
import { ownFile, renderPage } from './page.ts'
import { factTable, scrollTable, tile } from './sections.ts'

/** The whole page as text. */
export function renderComparePage(data: ComparePage): string {
  return renderPage({
    title: `${data.name} · sparse against dense · Pollux`,
    styles: [ownFile('page.css'), ownFile('compare.css')],
    body: html`<main>
      ${header(data)} ${tiles(data)} ${verdictSection(data)} ${modelSection(data)}
      <section>
        <h2>Held-out loss</h2>
        <p class="note">Mean over seeds, and a band from the lowest to the highest. Dots end schedules of their own.</p>
        <div class="charts">${lossCharts(data)}</div>
      </section>
      ${ablationSection(data.ablations)} ${tuneSection(data.contestants)} ${methodSection(data)}
      <div class="columns">${factTable('Setting', data.setting)} ${factTable('Machine', data.machine)}</div>
      <footer>
        <h2>Go on</h2>
        <pre>${data.commands.join('\n')}</pre>
      </footer>
    </main>`,
  })
}

function header({ name, createdAt, contestants }: ComparePage): Html {
  const [sparse] = contestants
  const seeds = sparse.trials.length
  return html`<header>
    <h1>${name}</h1>
    <p class="lead">
      ${short(sparse.parameters)} weights of which ${short(sparse.activeParameters)} work on each token, against dense
      models; ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} each, begun ${createdAt.slice(0, 16).replace('T', ' ')} UTC.
    </p>
  </header>`
}

function tiles({ verdicts, contestants }: ComparePage): Html {
  const first = verdicts[0]
  const [sparse, dense] = contestants
  const within = ({ low, high }: Interval): string =>
    Number.isFinite(low) ? `95%: ${decimals(low, 2)} to ${decimals(high, 2)}` : 'one seed'
  return html`<dl class="tiles">
    ${tile('Tokens', `${decimals(first.tokens.mean, 2)}×`, `to the dense loss; ${within(first.tokens)}`)}
    ${tile('Seconds', `${decimals(first.seconds.mean, 2)}×`, `to the dense loss; ${within(first.seconds)}`)}
    ${tile('Bits per byte', decimals(first.atEqualTokens.mean, 3), 'less the dense twin, at equal tokens')}
    ${tile('A step', `${decimals(first.seconds.mean / first.tokens.mean, 2)}×`, 'the time of the dense twin')}
    ${tile('Weights', `${decimals(sparse.parameters / dense.parameters, 1)}×`, 'those of the dense twin')}
    ${tile('MaxVio', decimals(sparse.routing?.maxViolation ?? Number.NaN, 2), 'largest load over the mean, minus 1')}
  </dl>`
}

/** 0.643 [0.601, 0.688]. */
function interval({ mean, low, high }: Interval, digits = 3): Html {
  if (!Number.isFinite(low)) return html`<b>${decimals(mean, digits)}</b> <span class="range">one seed</span>`
  return html`<b>${decimals(mean, digits)}</b>
    <span class="range">${decimals(low, digits)} to ${decimals(high, digits)}</span>`
}

function cells(title: string, values: (string | Html)[]): Html {
  return html`<tr>
    <th scope="row">${title}</th>
    ${values.map((value) => html`<td>${value}</td>`)}
  </tr>`
}

function verdictSection({ verdicts, contestants }: ComparePage): Html {
  const labelOf = ({ against }: Verdict): string => contestants.find(({ name }) => name === against)?.label ?? against
  const row = (title: string, value: (verdict: Verdict) => Html | string): Html => cells(title, verdicts.map(value))
  const outside = verdicts.filter((each) => each.outside.length > 0)
  return html`<section>
    <h2>What the experts buy</h2>
    <p class="note">
      Sparse over dense, paired by seed, with 95% intervals: below 1 (or 0) the sparse model is better. "To its loss"
      asks what the sparse model needs to stand where the dense one ended.
    </p>
    ${scrollTable(
      ['', ...verdicts.map((each) => `against ${labelOf(each)}`)],
      [
        row('bits per byte at equal tokens', (each) => interval(each.atEqualTokens, 4)),
        row('bits per byte at equal seconds', (each) => interval(each.atEqualSeconds, 4)),
        row('tokens to its loss', (each) => interval(each.tokens)),
        row('FLOPs to its loss', (each) => interval(each.flops)),
        row('seconds to its loss', (each) => interval(each.seconds)),
        row('read from', (each) => each.method),
        row('bytes in training', (each) => `${decimals(memoryRatio(contestants, each), 2)} times`),
      ],
    )}
    ${outside.map(
      (each) =>
        html`<p class="note warn">
          Against ${labelOf(each)}, seeds ${each.outside.join(', ')} lie outside of what was trained: the nearest slope
          was carried on, by a factor of 2 at most${each.isBound ? ', which it reached: the ratios are bounds' : ''}.
        </p>`,
    )}
  </section>`
}

/** Bytes that the sparse model takes in training over those of the other. */
function memoryRatio([sparse, ...others]: readonly ContestantRow[], { against }: Verdict): number {
  return sparse.memory.training / others.find(({ name }) => name === against)!.memory.training
}

function modelSection({ contestants }: ComparePage): Html {
  const row = (title: string, value: (row: ContestantRow) => Html | string): Html =>
    cells(title, contestants.map(value))
  const routing = (value: (summary: NonNullable<ContestantRow['routing']>) => string) => (each: ContestantRow) =>
    each.routing === null ? '–' : value(each.routing)
  return html`<section>
    <h2>The models</h2>
    ${scrollTable(
      ['', ...contestants.map(({ label }) => label)],
      [
        row('bits per byte', (each) => interval(each.bitsPerByte, 4)),
        row('each seed', (each) => each.perSeed.map((value) => decimals(value, 4)).join(', ')),
        row('weights', (each) => short(each.parameters)),
        row('at work on a token', (each) => short(each.activeParameters)),
        row('FLOPs a token', (each) => short(each.flopsPerToken)),
        row('bytes in a file', (each) => bytes(each.memory.file)),
        row('bytes in training', (each) => bytes(each.memory.training)),
        row('seconds a step, in turns', (each) => decimals(each.secondsPerStep, 3)),
        row('seconds a step, while training', (each) => decimals(each.secondsPerStepTraining, 3)),
        row('factor on the rates', (each) => String(Number(each.factor.toPrecision(3)))),
        row(
          'MaxVio',
          routing(({ maxViolation }) => decimals(maxViolation, 3)),
        ),
        row(
          'entropy of loads',
          routing(({ entropy }) => percent(entropy)),
        ),
        row(
          'dead experts',
          routing(({ deadExperts, experts }) => `${decimals(deadExperts, 1)} of ${count(experts)}`),
        ),
        row(
          'pairs dropped',
          routing(({ dropped }) => percent(dropped)),
        ),
      ],
    )}
  </section>`
}

function ablationSection(ablations: readonly AblationRow[]): Html {
  if (ablations.length === 0) return html``
  const rows = ablations.map((row) => {
    const { summary } = row
    return cells(row.name, [
      row.ablation,
      interval(row.difference, 4),
      decimals(row.bitsPerByte.mean, 4),
      `${decimals(row.paceRatio, 2)}×`,
      `${decimals(row.flopsRatio, 2)}×`,
      short(row.parameters),
      summary === null ? '–' : decimals(summary.maxViolation, 2),
      summary === null ? '–' : decimals(summary.deadExperts, 1),
      summary === null ? '–' : percent(summary.dropped),
      changes(row.routing),
    ])
  })
  const head = ['bits per byte less the base', 'bits per byte', 'step', 'FLOPs', 'weights', 'MaxVio', 'dead', 'dropped']
  return html`<section>
    <h2>Ablations</h2>
    <p class="note">
      One change of the sparse model each, at its learning rate; differences are paired by seed, below 0 the change
      helps.
    </p>
    ${scrollTable(['', 'of', ...head, 'change'], rows)}
  </section>`
}

/** Changes of the routing, which may break between two of them. */
function changes(routing: string): Html {
  const parts = routing.split(',')
  return html`<code
    >${parts.map((part, i) => html`<span>${part}${i < parts.length - 1 ? ',' : ''}</span><wbr />`)}</code
  >`
}

function tuneSection(contestants: readonly ContestantRow[]): Html {
  const chart = tuneChart(contestants)
  if (chart.text === '') return html``
  const factors = [...new Set(contestants.flatMap(({ tried }) => tried.map(({ factor }) => factor)))].sort(
    (a, b) => a - b,
  )
  const rows = contestants.map(({ label, tried, factor: best }) =>
    cells(
      label,
      factors.map((factor) => {
        const found = tried.find((each) => each.factor === factor)
        const text = found === undefined ? '' : decimals(found.bitsPerByte, 4)
        return factor === best ? html`<b>${text}</b>` : text
      }),
    ),
  )
  return html`<section>
    <h2>Learning rates</h2>
    <p class="note">Each model trains at its own: the best of short trainings with factors on the preset's rates.</p>
    ${scrollTable(['', ...factors.map((factor) => `× ${Number(factor.toPrecision(3))}`)], rows)}
    <div class="charts">${html`<figure>${chart}</figure>`}</div>
  </section>`
}

function methodSection({ verdicts }: ComparePage): Html {
  const byShorter = verdicts[0].method === 'shorter schedules'
  return html`<section>
    <h2>How it was measured</h2>
    <p class="prose">
      All models see the same batches in the same order for a seed, and the same held-out text.
      ${
        byShorter
          ? `Tokens to the dense loss are read from final losses of sparse trainings of several lengths, each a whole schedule
           that ends in its own decay: an end is compared with an end.`
          : `Tokens to the dense loss are read from the sparse model's own curve, whose learning rate has not decayed yet while
           the dense loss is that of a decayed end: the ratio is too large rather than too small.`
      }
      Between points the loss is a line in the logarithm of tokens, after isotonic regression. Intervals are Student's
      over seeds, of logarithms for ratios. Seconds are tokens times the median seconds of a step, measured in turns in
      one process; the time of validation counts for nobody.
    </p>
  </section>`
}
