// report.html: one file that shows a run, with no request leaving it.
//
// The page is put together here from sections, in the shell of page.ts; its curves are drawn by page.js with uPlot.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { StepMetrics } from '../../train/index.ts'
import { count, decimals, duration, percent, short } from '../format.ts'
import { expertHeatMap } from './heatMap.ts'
import { type Html, html } from './html.ts'
import { ownFile, renderPage } from './page.ts'
import { corpusTable, factTable, type Source, tile } from './sections.ts'
import { toSeries } from './series.ts'

/** A titled list of facts, printed as they are. */
export type Facts = [name: string, value: string][]

/** Everything the report shows. */
export interface ReportData {
  name: string
  createdAt: string
  /** True when the run was stopped before its end. */
  stopped: boolean
  steps: readonly StepMetrics[]
  parameters: number
  activeParameters: number
  lossBitsPerByte: number
  valBitsPerByte?: number
  seconds: number
  tokensPerSecond: number
  mfu: number
  balance: number
  /** Tokens each expert got, per layer. */
  expertLoad?: readonly (readonly number[])[]
  config: Facts
  training: Facts
  machine: Facts
  corpus: readonly Source[]
  sample?: { prompt: string; text: string }
  /** What to type to go on. */
  commands: string[]
}

/** The whole page as text. */
export function renderReport(data: ReportData): string {
  return renderPage({
    title: `${data.name} · Pollux`,
    styles: [packageFile('uplot/dist/uPlot.min.css'), ownFile('page.css')],
    body: html`<main>
      ${header(data)} ${tiles(data)} ${charts(data)} ${sampleSection(data)} ${loadSection(data)}
      <div class="columns">
        ${factTable('Model', data.config)} ${factTable('Training', data.training)} ${factTable('Machine', data.machine)}
      </div>
      ${corpusTable(data.corpus)} ${commandSection(data.commands)}
    </main>`,
    script: {
      id: 'series',
      data: toSeries(data.steps),
      sources: [packageFile('uplot/dist/uPlot.iife.min.js'), ownFile('page.js')],
    },
  })
}

function header(data: ReportData): Html {
  const day = data.createdAt.slice(0, 16).replace('T', ' ')
  const state = data.stopped ? html`<span class="badge">stopped early</span>` : html``
  return html`<header>
    <p class="brand">
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="7" cy="16" r="4" />
        <circle cx="17" cy="8" r="5" />
        <path d="M9.8 13.2 13.4 11" /></svg
      >Pollux
    </p>
    <h1>${data.name} ${state}</h1>
    <p class="lead">
      ${short(data.parameters)} parameters, ${short(data.activeParameters)} of them at work on each token; trained on
      ${short(lastTokens(data))} tokens in ${duration(data.seconds)}, begun ${day} UTC.
    </p>
  </header>`
}

function lastTokens(data: ReportData): number {
  return data.steps.at(-1)?.tokens ?? 0
}

function tiles(data: ReportData): Html {
  const hasVal = data.valBitsPerByte !== undefined
  return html`<dl class="tiles">
    ${tile(hasVal ? 'Validation' : 'Loss', decimals(hasVal ? data.valBitsPerByte : data.lossBitsPerByte), 'bits per byte')}
    ${hasVal ? tile('Training', decimals(data.lossBitsPerByte), 'bits per byte, last 20 steps') : html``}
    ${tile('Speed', count(data.tokensPerSecond), 'tokens per second')}
    ${tile('MFU', percent(data.mfu), 'of the measured peak')}
    ${tile('Balance', decimals(data.balance, 2), 'largest expert over the mean, minus 1')}
    ${tile('Steps', count(data.steps.at(-1)?.step ?? 0), `${short(lastTokens(data))} tokens`)}
  </dl>`
}

function charts(data: ReportData): Html {
  if (data.steps.length < 2) return html``
  const small = (id: string, title: string) =>
    html`<figure>
      <figcaption>${title}</figcaption>
      <div id="${id}" class="chart"></div>
    </figure>`
  return html`<section>
    <div class="heading">
      <h2>Bits per byte</h2>
      <div class="switch" role="group" aria-label="Horizontal axis">
        <button type="button" data-axis="tokens" aria-pressed="true">tokens</button>
        <button type="button" data-axis="minutes" aria-pressed="false">minutes</button>
        <button type="button" data-axis="step" aria-pressed="false">steps</button>
      </div>
    </div>
    <div id="loss" class="chart tall"></div>
    <div class="trio">
      ${small('speed', 'Tokens per second')}${small('mfu', 'MFU, %')}${small('balance', 'Balance (0 is even)')}
    </div>
    <noscript><p>The curves need JavaScript; everything else on this page does not.</p></noscript>
  </section>`
}

function sampleSection(data: ReportData): Html {
  if (data.sample === undefined) return html``
  return html`<section>
    <h2>What it writes</h2>
    <pre class="sample"><b>${data.sample.prompt}</b>${data.sample.text}</pre>
  </section>`
}

function loadSection(data: ReportData): Html {
  const map = expertHeatMap(data.expertLoad ?? [])
  if (map.text === '') return html``
  return html`<section>
    <h2>Expert load</h2>
    <p class="note">Tokens each expert got at the end of training, against an even share.</p>
    ${map}
  </section>`
}

function commandSection(commands: string[]): Html {
  return html`<footer>
    <h2>Go on</h2>
    <pre>${commands.join('\n')}</pre>
  </footer>`
}

/** A file of an installed package; uPlot's exports name only its entry points, so the folder is found first. */
function packageFile(path: string): string {
  const [name, ...rest] = path.split('/')
  const entry = createRequire(import.meta.url).resolve(name)
  const root = entry.slice(0, entry.lastIndexOf(join('node_modules', name)) + join('node_modules', name).length)
  return readFileSync(join(root, ...rest), 'utf8')
}
