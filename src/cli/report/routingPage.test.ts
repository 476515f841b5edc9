import { describe, expect, it } from 'vitest'
import { analyseRouting, collectRouting, textUnits } from '../../evals/index.ts'
import { newModel, preset } from '../../model/index.ts'
import { randomSource, tempFolder } from '../../testing/index.ts'
import { type Tokenizer, trainTokenizer } from '../../tokenizer/index.ts'
import { readRoutingRecord, type RoutingRecordStep, routingRecordPath, trainModel } from '../../train/index.ts'
import { Rng } from '../../util/index.ts'
import { renderRoutingPage, type RoutingPageData } from './routingPage.ts'
import { loadByte, routingSeries } from './routingSeries.ts'
import { routingTexts } from './routingTexts.ts'

const evil = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'&`
const text = `${'one fish, two fish. red fish, blue fish 😀! '.repeat(6)}${evil}`
const { config: micro, batch, time } = preset('micro')

async function* texts() {
  yield text
}

/** A page of a real run of micro: its record of training, and a text that is read. */
async function makePage(over: Partial<RoutingPageData> = {}) {
  using folder = tempFolder()
  const tokenizer = await trainTokenizer(texts(), { vocabSize: 300 })
  const config = { ...micro, vocab_size: tokenizer.vocabSize }
  const shape = { batch, time, vocab: config.vocab_size }
  const training = { horizon: { steps: 12 }, batch, time }
  await trainModel({ config, training, loader: randomSource(1, shape), runFolder: folder.path })
  const model = newModel(config).initialise(new Rng(1))
  const units = [0, 1].flatMap((document) =>
    textUnits(text, { tokenizer, domain: document, document }, { time: 30, most: 4 }),
  )
  const options = { domainNames: ['prose', evil], compute: 'f32' as const }
  const sample = await collectRouting(model, units, options)
  const earlier = await collectRouting(newModel(config).initialise(new Rng(2)), units, options)
  const data: RoutingPageData = {
    run: { name: evil, record: { createdAt: '2026-03-14T09:26:53Z' } },
    ...{ from: evil, layer: 1, command: evil, tokenizer, sample, label: (id) => `${evil}${id}` },
    analysis: analyseRouting(sample, [{ name: evil, sample: earlier }], { shuffles: 20 }),
    record: readRoutingRecord(routingRecordPath(folder.path)),
    ...over,
  }
  return { data, page: renderRoutingPage(data), tokenizer }
}

/** The data that the page's script reads. */
function dataOf(page: string) {
  return JSON.parse(/<script type="application\/json" id="data">([^]*?)<\/script>/.exec(page)![1])
}

describe('routing.html of a run of micro', async () => {
  const { page, data, tokenizer } = await makePage()

  it('escapes every text that comes from outside', () => {
    expect(page).not.toContain('alert(1)<')
    expect(page).not.toContain('<img')
    expect(page.match(/<script/g)).toHaveLength(2)
    expect(page.match(/<\/script>/g)).toHaveLength(2)
  })

  it('holds its scripts and styles, and refers to nothing outside', () => {
    const markup = page.replace(/<script[^]*?<\/script>|<style>[^]*?<\/style>/g, '')
    for (const [tag] of markup.matchAll(/<[a-z][^>]*>/g)) expect(tag).not.toMatch(/\s(src|href|action|data|srcset)\s*=/)
    expect(page).not.toMatch(/@import|url\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\(/)
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//)
    expect(page).toContain(`default-src 'none'`)
    expect(page).toContain('prefers-color-scheme: dark')
    expect(markup).not.toMatch(/NaN|undefined|\[object/)
  })

  it('tells of every layer what the analysis found, and how settled it was', () => {
    const { layers, topK, experts, series } = dataOf(page)
    expect([layers.length, experts, topK]).toEqual([2, 4, 2])
    expect(series.step).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    data.analysis.layers.forEach(({ load, domainShares, saturation }, layer) => {
      expect(layers[layer].load).toEqual(load)
      expect(layers[layer].shares[3][0]).toBeCloseTo(domainShares[3][0], 2)
      expect(page).toContain(`${Math.round(100 * saturation[0].overlap)}% <i>(`)
    })
  })

  it('shows texts whole, with the experts that read each token', () => {
    const { texts: shown } = dataOf(page)
    expect(shown).toHaveLength(2)
    const { ids, choices, units } = data.sample
    const textOf = ({ start, length }: (typeof units)[number]) => tokenizer.decode(ids.subarray(start, start + length))
    const unit = units.find((each) => each.document === 0 && textOf(each) === shown[0].pieces.join(''))!
    const { start, length } = unit
    expect(shown[0].choices[1]).toEqual([...choices[1].subarray(start * 2, (start + length) * 2)])
  })

  it('does without a record of training, and lists the alerts of one', async () => {
    expect((await makePage({ record: [] })).page).toContain('no record of its routers')
    const alert = {
      trouble: 'dead' as const,
      layer: 0,
      step: 3,
      value: 2,
      text: 'layer 0: two are idle',
      advice: 'help',
    }
    const { page: alarmed } = await makePage({ record: [{ ...data.record[0], alerts: [alert] }] })
    expect(alarmed).toContain('layer 0: two are idle; help')
  })
})

it('texts put a character of several tokens where it is whole, and name what is no text', async () => {
  const tokenizer = await trainTokenizer(texts(), { vocabSize: 281 })
  const ids = Int32Array.of(tokenizer.bosId, ...tokenizer.encode('a😀b'), tokenizer.specialTokens.get('<|image|>')!)
  const sample = {
    ...{ experts: 2, topK: 1, ids, domains: new Uint8Array(ids.length), domainNames: ['prose'] },
    ...{ units: [{ start: 0, length: ids.length, document: 0 }], choices: [new Uint16Array(ids.length)] },
  }
  const [{ pieces }] = routingTexts(sample, tokenizer as Tokenizer)
  expect(pieces.join('|').replaceAll('||', '|')).toMatch(/^<bos>\|a\|+😀\|b\|▦$/)
})

describe('the series of training', () => {
  const step = (at: number, load: number[]): RoutingRecordStep => ({
    ...{ step: at, tokens: at },
    layers: [{ load, maxVio: at, dead: 0, entropy: 1, rowEntropy: Number.NaN, margin: 0.1, dropped: 0 }],
  })

  it('cuts steps into stretches whose loads are sums and whose figures are means', () => {
    const series = routingSeries([step(1, [4, 0]), step(2, [0, 4]), step(3, [8, 0]), step(4, [8, 0])], 2)!
    expect(series.step).toEqual([2, 4])
    expect(series.maxVio).toEqual([[1.5, 3.5]])
    expect(series.rowEntropy).toEqual([[null, null]])
    expect([...Buffer.from(series.load, 'base64')]).toEqual([loadByte(1), loadByte(1), loadByte(2), 0])
    expect(routingSeries([])).toBeNull()
  })

  it('keeps a load within 3% in its byte', () => {
    for (let load = 0.01; load < 100; load *= 1.3) {
      const back = 2 ** (((loadByte(load) - 1) / 254) * 16 - 8)
      expect(Math.abs(back / load - 1)).toBeLessThan(0.03)
    }
  })
})
