// The tables of `pollux routing`, and the same as objects (--json).
import type { ExpertToken, RoutingAnalysis } from '../evals/index.ts'
import { maxViolation, type RoutingRecordStep, totalLoad } from '../train/index.ts'
import type { Tokenizer } from '../tokenizer/index.ts'
import { count, decimals, percent } from './format.ts'
import { printJson } from './json.ts'
import type { Run } from './runFolder.ts'
import { printable, type Terminal } from './terminal.ts'

/** What is known of the experts of a run. */
export interface RoutingReport {
  run: Run
  /** What was read. */
  from: string
  /** The layer to show in full. */
  layer: number
  analysis: RoutingAnalysis
  /** What training recorded; empty when nothing was. */
  record: RoutingRecordStep[]
  tokenizer: Tokenizer
  /** Path of routing.html. */
  page: string
}

/** Last steps of training that are summed up. */
const lastSteps = 50
/** Tokens of an expert, and experts of a domain, that are printed. */
const [printedTokens, printedExperts] = [8, 4]
/** Deviations beyond which an expert's share of a domain is marked. */
export const markedDeviations = 3.3

/** A token as it can be told from others in a list: blanks are drawn, special tokens have their names. */
export function tokenLabel(tokenizer: Tokenizer, id: number): string {
  if (tokenizer.isSpecial(id)) return tokenizer.tokenName(id)
  const text = tokenizer.decode([id])
  if (text.includes('\ufffd'))
    return [...tokenizer.tokenBytes(id)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`).join('')
  return printable(text.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥'))
}

/** Prints all tables. */
export function printRouting(report: RoutingReport, terminal: Terminal): void {
  const { run, analysis, layer, page } = report
  const { experts, topK, tokens, documents, layers } = analysis
  const bold = (text: string) => terminal.paint('bold', text)
  terminal.line()
  terminal.line(
    `  ${bold(run.name)}: ${layers.length} layers of ${experts} experts, ${topK} a token; ` +
      `${count(tokens)} tokens of ${count(documents)} documents read`,
  )
  printTraining(report, terminal)
  printLayers(analysis, terminal)
  printDomains(analysis, layer, terminal)
  printPairs(analysis, layer, terminal)
  printFavourites(report, terminal)
  terminal.line(`\n  ${terminal.paint('dim', 'page'.padEnd(12))} ${page}`)
}

function printTraining({ record, run }: RoutingReport, terminal: Terminal): void {
  if (record.length === 0) return
  const last = record.slice(-lastSteps)
  terminal.line(
    `\n  ${terminal.paint('bold', 'training')}, means of the last ${last.length} of ${count(record.length)} steps; together: MaxVio of their summed loads`,
  )
  terminal.line(
    terminal.paint(
      'dim',
      `  ${header('layer', ['MaxVio', 'together', 'entropy', 'of a row', 'margin', 'dead', 'dropped'])}`,
    ),
  )
  record[0].layers.forEach((_, layer) => {
    const mean = (of: 'maxVio' | 'entropy' | 'rowEntropy' | 'margin' | 'dropped'): number =>
      last.reduce((sum, step) => sum + step.layers[layer][of], 0) / last.length
    const cells = [decimals(mean('maxVio'), 2), decimals(maxViolation(totalLoad(last, layer)), 3)]
    cells.push(decimals(mean('entropy'), 2), decimals(mean('rowEntropy'), 2))
    cells.push(decimals(mean('margin'), 3), count(last.at(-1)!.layers[layer].dead), count(mean('dropped')))
    terminal.line(`  ${header(String(layer), cells)}`)
  })
  for (const { step, text, advice } of alertsOf(record)) {
    terminal.line(terminal.paint('yellow', `  step ${step}: ${text}; ${advice}`))
  }
  if (run.record.outcome?.stopped) terminal.line(terminal.paint('dim', '  the run was stopped before its end'))
}

/** All alerts of a run, in order. */
export function alertsOf(record: readonly RoutingRecordStep[]) {
  return record.flatMap(({ alerts = [] }) => alerts)
}

function printLayers({ layers, earlier, domains, topK, experts }: RoutingAnalysis, terminal: Terminal): void {
  terminal.line(`\n  ${terminal.paint('bold', 'on these texts')}; in brackets: chance`)
  const compared = domains.length > 1
  const names = [
    'MaxVio',
    'entropy',
    'unused',
    ...(compared ? ['domain, bits', 'p'] : []),
    ...(topK > 1 ? ['strongest pair'] : []),
  ]
  terminal.line(terminal.paint('dim', `  ${header('layer', [...names, ...earlier])}`))
  layers.forEach((each, layer) => {
    const { significance, coActivation, chanceCoActivation } = each
    const cells = [decimals(each.maxVio, 2), decimals(each.entropy, 2), count(each.unused)]
    if (compared) {
      cells.push(`${decimals(significance.information)} (${decimals(significance.shuffled)})`, decimals(significance.p))
    }
    if (topK > 1) {
      const [a, b] = strongestPair(coActivation, chanceCoActivation, experts)
      cells.push(a < 0 ? '–' : `${a}→${b} ${percent(coActivation[a][b])} (${percent(chanceCoActivation[a][b])})`)
    }
    cells.push(...each.saturation.map(({ overlap, chance }) => `${percent(overlap)} (${percent(chance)})`))
    terminal.line(`  ${header(String(layer), cells)}`)
  })
}

/** The pair that is together most beyond chance; [-1, -1] where none is. */
function strongestPair(together: number[][], chance: number[][], experts: number): [number, number] {
  let [best, pair] = [0, [-1, -1] as [number, number]]
  for (let i = 0; i < experts; i++) {
    for (let j = 0; j < experts; j++) {
      const above = together[i][j] - chance[i][j]
      if (i !== j && above > best) [best, pair] = [above, [i, j]]
    }
  }
  return pair
}

function printDomains({ domains, layers, tokens }: RoutingAnalysis, layer: number, terminal: Terminal): void {
  const { domainShares, significance, load } = layers[layer]
  terminal.line(
    `\n  ${terminal.paint('bold', `domains in layer ${layer}`)}: experts most above their share of all tokens`,
  )
  domains.forEach(({ name, tokens: own, documents }, domain) => {
    const order = load
      .map((_, expert) => ({ expert, share: domainShares[expert][domain], usual: load[expert] / tokens }))
      .filter(({ share, usual }) => share > usual)
      .sort((a, b) => b.share - b.usual - (a.share - a.usual))
      .slice(0, printedExperts)
    const cells = order.map(({ expert, share, usual }) => {
      const text = `${expert}: ${percent(share)} (${percent(usual)})`
      return significance.z[expert][domain] > markedDeviations ? terminal.paint('bold', `${text}*`) : text
    })
    terminal.line(
      `  ${printable(name).padEnd(12)} ${`${count(own)} in ${count(documents)}`.padStart(16)}  ${cells.join('   ')}`,
    )
  })
  terminal.line(
    terminal.paint('dim', `  tokens in documents; * more than ${markedDeviations} deviations above shuffled domains`),
  )
}

function printPairs({ layers, topK }: RoutingAnalysis, layer: number, terminal: Terminal): void {
  if (topK < 2) return
  const { coActivation, chanceCoActivation } = layers[layer]
  const pairs = coActivation.flatMap((row, i) =>
    row.map((share, j) => ({ i, j, share, chance: chanceCoActivation[i][j] })),
  )
  const strongest = pairs
    .filter(({ i, j, share }) => i !== j && Number.isFinite(share))
    .sort((a, b) => b.share - b.chance - (a.share - a.chance))
    .slice(0, printedExperts)
  terminal.line(
    `\n  ${terminal.paint('bold', `pairs in layer ${layer}`)}: of the first one's tokens, the share that meet the second`,
  )
  terminal.line(
    `  ${strongest.map(({ i, j, share, chance }) => `${i}→${j}: ${percent(share)} (${percent(chance)})`).join('   ')}`,
  )
}

function printFavourites({ analysis, layer, tokenizer }: RoutingReport, terminal: Terminal): void {
  terminal.line(
    `\n  ${terminal.paint('bold', `tokens in layer ${layer}`)}: what each expert likes most, with the share that it gets`,
  )
  analysis.layers[layer].favourites.forEach((tokens, expert) => {
    const words = tokens
      .slice(0, printedTokens)
      .map(({ id, share }) => `${tokenLabel(tokenizer, id)} ${percent(share)}`)
    terminal.line(
      `  ${String(expert).padStart(3)}  ${words.length > 0 ? words.join('  ') : terminal.paint('dim', 'none above its share')}`,
    )
  })
}

function header(name: string, cells: string[]): string {
  return [name.padEnd(6), ...cells.map((cell, i) => cell.padStart(i < 3 ? 9 : 15))].join(' ')
}

/** One object a layer, then one for all. */
export function printRoutingJson({ run, from, analysis, record, tokenizer, page }: RoutingReport): void {
  const { layers, ...rest } = analysis
  const words = (tokens: ExpertToken[]) => tokens.map((token) => ({ token: tokenLabel(tokenizer, token.id), ...token }))
  layers.forEach(({ favourites, ...figures }, layer) => {
    printJson({
      event: 'layer',
      layer,
      ...figures,
      favourites: favourites.map(words),
      training: trainingOf(record, layer),
    })
  })
  printJson({ event: 'done', run: run.name, from, ...rest, alerts: alertsOf(record), report: page })
}

/** The last recorded step of a layer, and MaxVio of the last steps together. */
function trainingOf(record: readonly RoutingRecordStep[], layer: number) {
  const last = record.at(-1)
  if (last === undefined) return null
  const together = maxViolation(totalLoad(record.slice(-lastSteps), layer))
  return { step: last.step, ...last.layers[layer], maxVioTogether: together }
}
