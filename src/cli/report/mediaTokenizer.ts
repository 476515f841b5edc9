// report.html of `pollux media-tokenizer`: originals beside what comes back from their codes, to look at and to listen to.
//
// One file with no request leaving it: pictures and sounds are inlined, and a content security policy forbids the rest.
import type { MediaKind } from '../../model/index.ts'
import type { CodeUsage } from '../../train/index.ts'
import { count, decimals, duration, percent, short } from '../format.ts'
import { type Html, html } from './html.ts'
import { ownFile, renderPage } from './page.ts'
import { type Facts } from './report.ts'
import { factTable, tile } from './sections.ts'

/** What one tokenizer came to. */
export interface TokenizerSection {
  kind: MediaKind
  /** What it was trained on. */
  material: string
  codes: number
  tokensPerPatch: number
  bitsPerPatch: number
  entropyPerPatch: number
  psnr: number
  firstTokenPsnr: number
  parameters: number
  steps: number
  patches: number
  seconds: number
  usage: readonly CodeUsage[]
  /** How many decoded examples still say what they are. */
  readable?: { what: string; share: number }
  /** Loss of each step. */
  losses: readonly number[]
  config: Facts
  /** Files as bytes, PNG or WAV: original, decoded, and decoded from first tokens alone where that was made. */
  examples: readonly { original: Uint8Array; decoded: Uint8Array; coarse?: Uint8Array }[]
}

export interface TokenizerReport {
  createdAt: string
  sections: readonly TokenizerSection[]
  rejects: readonly { path: string; reason: string }[]
  commands: string[]
}

/** Reject lines that are listed; the rest is counted. */
const maxRejects = 20

const style = `
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(208px, 1fr)); gap: 12px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; margin: 0; }
.pair.three { grid-template-columns: 1fr 1fr 1fr; }
.pair img { width: 100%; image-rendering: pixelated; border-radius: 4px; border: 1px solid var(--line); }
.pair audio { width: 100%; }
.sounds { grid-template-columns: 1fr; }
.loss { width: 100%; height: 120px; color: var(--train); }
`

/** The whole page as text. */
export function renderTokenizerReport(data: TokenizerReport): string {
  return renderPage({
    title: 'Media tokenizer · Pollux',
    styles: [ownFile('page.css'), style],
    media: true,
    body: html`<main>
      <header>
        <h1>Media tokenizer</h1>
        <p class="lead">
          Pictures and sounds as codes: what was held out, beside what comes back.
          ${data.createdAt.slice(0, 16).replace('T', ' ')} UTC.
        </p>
      </header>
      ${data.sections.map(section)} ${rejectSection(data.rejects)}
      <footer>
        <h2>Go on</h2>
        <pre>${data.commands.join('\n')}</pre>
      </footer>
    </main>`,
  })
}

function section(data: TokenizerSection): Html {
  const unit = data.kind === 'image' ? 'patch' : '40 ms'
  return html`<section>
      <h2>${data.kind === 'image' ? 'Pictures' : 'Sounds'}</h2>
      <p class="note">
        ${data.tokensPerPatch} × ${count(data.codes)} codes for each ${unit}; trained on ${data.material}, in
        ${duration(data.seconds)}.
      </p>
      ${tiles(data, unit)}
    </section>
    <section>
      <h2>${data.kind === 'image' ? 'Original, decoded' : 'Original and decoded'}${coarseTitle(data)}</h2>
      ${examples(data)}
    </section>
    <section>
      <h2>Loss</h2>
      ${lossCurve(data.losses)}
      <div class="columns">${factTable('Tokenizer', data.config)} ${factTable('Codes in use', usageFacts(data))}</div>
    </section>`
}

function coarseTitle({ examples }: TokenizerSection): string {
  return examples.some(({ coarse }) => coarse !== undefined) ? ', and from first tokens alone' : ''
}

function tiles(data: TokenizerSection, unit: string): Html {
  const { readable } = data
  return html`<dl class="tiles">
    ${readable ? tile('Read right', percent(readable.share), readable.what) : html``}
    ${tile('PSNR', decimals(data.psnr, 1), 'dB, held out')}
    ${tile('First token alone', decimals(data.firstTokenPsnr, 1), 'dB')}
    ${tile(`Bits each ${unit}`, decimals(data.bitsPerPatch, 1), `${decimals(data.entropyPerPatch, 1)} by entropy`)}
    ${tile('Steps', count(data.steps), `${short(data.patches)} patches`)}
    ${tile('Parameters', short(data.parameters), 'encoder and decoder')}
  </dl>`
}

function usageFacts({ usage }: TokenizerSection): Facts {
  return usage.map(({ used, codes, perplexity }, i) => [
    `token ${i + 1}`,
    `${count(used)} of ${count(codes)}, perplexity ${decimals(perplexity, 1)}`,
  ])
}

function examples({ kind, examples }: TokenizerSection): Html {
  const show = (bytes: Uint8Array, what: string): Html => {
    const data = Buffer.from(bytes).toString('base64')
    if (kind === 'image') return html`<img alt="${what}" title="${what}" src="data:image/png;base64,${data}" />`
    return html`<audio controls title="${what}" src="data:audio/wav;base64,${data}"></audio>`
  }
  const pairs = examples.map(
    ({ original, decoded, coarse }) =>
      html`<figure class="pair${coarse ? ' three' : ''}">
        ${show(original, 'original')} ${show(decoded, 'decoded')}
        ${coarse ? show(coarse, 'decoded from first tokens alone') : html``}
      </figure>`,
  )
  return html`<div class="pairs${kind === 'audio' ? ' sounds' : ''}">${pairs}</div>`
}

/** Loss over steps, logarithmic, as means of up to 300 stretches. */
function lossCurve(losses: readonly number[]): Html {
  const cells = Math.min(300, losses.length)
  if (cells < 2) return html``
  const means = Array.from({ length: cells }, (_, cell) => {
    const part = losses.slice(
      Math.floor((cell * losses.length) / cells),
      Math.floor(((cell + 1) * losses.length) / cells),
    )
    return Math.log(part.reduce((sum, x) => sum + x, 0) / part.length + 1e-9)
  })
  const [low, high] = [Math.min(...means), Math.max(...means)]
  const points = means.map((y, i) => {
    const height = high > low ? (high - y) / (high - low) : 0.5
    return `${((i / (cells - 1)) * 1000).toFixed(1)},${(4 + height * 112).toFixed(1)}`
  })
  return html`<svg class="loss" viewBox="0 0 1000 120" preserveAspectRatio="none" role="img" aria-label="loss">
      <polyline
        points="${points.join(' ')}"
        fill="none"
        stroke="currentColor"
        stroke-width="2"
        vector-effect="non-scaling-stroke"
      />
    </svg>
    <p class="note">
      Squared error of standardised patches, from ${decimals(Math.exp(means[0]))} to
      ${decimals(Math.exp(means[cells - 1]))} (logarithmic).
    </p>`
}

function rejectSection(rejects: TokenizerReport['rejects']): Html {
  if (rejects.length === 0) return html``
  const facts: Facts = rejects.slice(0, maxRejects).map(({ path, reason }) => [path, reason])
  if (rejects.length > maxRejects) facts.push([`${count(rejects.length - maxRejects)} more`, ''])
  return factTable(`Left out: ${count(rejects.length)} files`, facts)
}
