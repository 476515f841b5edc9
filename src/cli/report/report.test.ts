import { describe, expect, it } from 'vitest'
import type { StepMetrics } from '../../train/index.ts'
import { expertHeatMap, relativeLoad } from './heatMap.ts'
import { embedJson, embedSource, escapeHtml, html } from './html.ts'
import { type ReportData, renderReport } from './report.ts'
import { exponentialMean, toSeries } from './series.ts'

const evil = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'&`

const steps = Array.from(
  { length: 5 },
  (_, i) =>
    ({
      ...{ step: i + 1, tokens: (i + 1) * 128, lossBitsPerByte: 4 - i / 4, tokensPerSecond: 1000, mfu: null },
      ...{ balance: 0.5, secondsElapsed: i + 1, valBitsPerByte: i === 4 ? 3.1 : undefined },
    }) as unknown as StepMetrics,
)

const data: ReportData = {
  ...{ name: evil, createdAt: '2026-03-14T09:26:53Z', stopped: true, steps, parameters: 2e4, activeParameters: 1e4 },
  ...{ lossBitsPerByte: 3.2, valBitsPerByte: 3.1, seconds: 5, tokensPerSecond: 1000, mfu: Number.NaN, balance: 0.5 },
  expertLoad: [
    [10, 30, 20, 20],
    [20, 20, 20, 20],
  ],
  config: [[evil, evil]],
  training: [],
  machine: [['kernels', evil]],
  corpus: [{ name: evil, licence: evil, files: 2, bytes: 1e6 }],
  sample: { prompt: evil, text: evil },
  commands: [evil],
}

describe('the report', () => {
  const page = renderReport(data)

  it('escapes every text that comes from outside', () => {
    expect(page).not.toContain('alert(1)<')
    expect(page).not.toContain('<img')
    expect(page.match(/<script/g)).toHaveLength(3)
    expect(page.match(/<\/script>/g)).toHaveLength(3)
  })

  it('holds its scripts and styles, and refers to nothing outside', () => {
    const markup = page.replace(/<script>[^]*?<\/script>|<style>[^]*?<\/style>/g, '')
    for (const [tag] of markup.matchAll(/<[a-z][^>]*>/g)) expect(tag).not.toMatch(/\s(src|href|action|data|srcset)\s*=/)
    expect(page).not.toMatch(/@import|url\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\(/)
    expect(page).toContain(`default-src 'none'`)
    expect(page).toContain('var uPlot=')
    expect(page).toContain('.uplot')
  })

  it('shows figures, and dashes for what is not known', () => {
    expect(page).toMatch(/<dt>Validation<\/dt>\s*<dd>3\.100<\/dd>/)
    expect(page).toMatch(/<dt>MFU<\/dt>\s*<dd>–<\/dd>/)
    expect(page).toContain('stopped early')
    expect(page.replace(/<script>[^]*?<\/script>/g, '')).not.toMatch(/NaN|undefined/)
  })

  it('can do without steps, sample, corpus and experts', () => {
    const bare = renderReport({ ...data, steps: [], sample: undefined, corpus: [], expertLoad: undefined })
    expect(bare).not.toContain('class="heat"')
    expect(bare).not.toContain('What it writes')
    expect(bare).toContain('</html>')
  })
})

describe('html', () => {
  it('escapes what is put in and keeps what is safe', () => {
    expect(escapeHtml(`<a href="x">'&`)).toBe('&#60;a href=&#34;x&#34;&#62;&#39;&#38;')
    const inner = html`<b>${'<'}</b>`
    expect(html`<p>${inner}${[inner, inner]}${3}</p>`.text).toBe('<p><b>&#60;</b><b>&#60;</b><b>&#60;</b>3</p>')
  })

  it('embeds JSON and scripts that cannot end their element', () => {
    const value = { text: '</script><!--\u2028' }
    const json = embedJson(value).text
    expect(json).not.toMatch(/[<\u2028]/)
    expect(JSON.parse(json)).toEqual(value)
    expect(embedSource(`"</script>"`).text).toBe('"\\x3c/script>"')
  })
})

describe('series', () => {
  it('keeps every validation and the last step when it thins', () => {
    const many = Array.from(
      { length: 10_000 },
      (_, i) =>
        ({
          ...steps[0],
          step: i + 1,
          lossBitsPerByte: i % 2,
          valBitsPerByte: i === 4321 ? 2 : undefined,
        }) as StepMetrics,
    )
    const series = toSeries(many, 100)
    expect(series.step.length).toBeLessThan(120)
    expect(series.step.at(-1)).toBe(10_000)
    expect(series.val[series.step.indexOf(4322)]).toBe(2)
    expect(series.train[50]).toBeCloseTo(0.5, 1)
  })

  it('shows what is missing as null', () => {
    const series = toSeries(steps)
    expect(series.mfu).toEqual([null, null, null, null, null])
    expect(series.val).toEqual([null, null, null, null, 3.1])
  })

  it('smooths without lagging at the start', () => {
    expect(exponentialMean([8, 4, 2], 50)).toEqual([8, 4, 2])
    expect(exponentialMean([Number.NaN, 3], 5)).toEqual([null, 3])
    const noisy = Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 1 : 3))
    expect(exponentialMean(noisy, 40).at(-1)).toBeCloseTo(2, 1)
  })
})

describe('the heat map', () => {
  it('measures load against the even share', () => {
    expect(relativeLoad([10, 30, 20, 20])).toEqual([0.5, 1.5, 1, 1])
    expect(relativeLoad([0, 0])).toEqual([0, 0])
  })

  it('has a row a layer and leaves out layers without experts', () => {
    const map = expertHeatMap([[1, 1], [], [1, 3]]).text
    expect(map.match(/<td/g)).toHaveLength(4)
    expect(map).toContain('<th scope="row">2</th>')
    expect(expertHeatMap([[], []]).text).toBe('')
  })
})
