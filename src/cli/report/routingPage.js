// Behaviour of routing.html: draws what depends on the layer chosen and the step chosen, in the page's colours.
// Runs in a browser as it stands; routingPage.ts inlines it after the data.
;(() => {
  const data = JSON.parse(document.getElementById('data').textContent)
  const { experts, topK, tokens, domains, layers, series, texts } = data
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const byId = (id) => document.getElementById(id)
  const percent = (x) => (x === null ? '–' : `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)}%`)
  let layer = data.layer
  let time = series === null ? 0 : series.step.length - 1
  let alone = null

  /** An element with properties and children; text is set as text, never as markup. */
  function element(name, properties = {}, children = []) {
    const made = document.createElement(name)
    for (const [key, value] of Object.entries(properties)) {
      if (key === 'style') made.style.cssText = value
      else if (key in made && key !== 'role') made[key] = value
      else made.setAttribute(key, value)
    }
    made.append(...children)
    return made
  }

  /** Background of a ratio: even at 1, full colour at twice and at half. */
  function background(ratio) {
    const strength = ratio > 0 ? Math.min(1, Math.abs(Math.log2(ratio))) : 1
    return `background:color-mix(in oklab,var(--${ratio >= 1 ? 'over' : 'under'}) ${Math.round(strength * 100)}%,var(--even))`
  }

  /** A heat map; `cell(i, j)` gives ratio, text, title, and class. Many columns are drawn small, without text. */
  function heatMap({ rows, columns, corner, named = false, cell }) {
    const dense = columns.length > 24
    const head = element('tr', {}, [
      element('th', { scope: 'col', className: 'corner', textContent: corner }),
      ...columns.map((name, j) => element('th', { scope: 'col', textContent: dense && j % 8 > 0 ? '' : name })),
    ])
    const body = rows.map((name, i) =>
      element('tr', {}, [
        element('th', { scope: 'row', textContent: name }),
        ...columns.map((_, j) => {
          const { ratio, text, title, kind = '' } = cell(i, j)
          return element('td', { style: background(ratio), title, className: kind, textContent: dense ? '' : text })
        }),
      ]),
    )
    const className = `heat${dense ? ' dense' : ''}${named ? ' named' : ''}`
    const parts = [element('thead', {}, [head]), element('tbody', {}, body)]
    return element('table', { className, style: `--experts:${columns.length}` }, parts)
  }

  const numbers = (count) => Array.from({ length: count }, (_, i) => String(i))

  // ---- training ----
  const bytes = series === null ? null : Uint8Array.from(atob(series.load), (c) => c.charCodeAt(0))
  const loadAt = (l, t, e) => {
    const byte = bytes[(l * series.step.length + t) * experts + e]
    return byte === 0 ? 0 : 2 ** (((byte - 1) / 254) * 16 - 8)
  }

  function drawLoads() {
    byId('step').textContent = series.step[time].toLocaleString('en')
    const cell = (l, e) => {
      const load = loadAt(l, time, e)
      const title = `layer ${l}, expert ${e}, step ${series.step[time]}: ${load.toFixed(2)} of the even share`
      return { ratio: load, text: load.toFixed(load < 9.95 ? 1 : 0), title }
    }
    byId('loads').replaceChildren(
      heatMap({ rows: numbers(layers.length), columns: numbers(experts), corner: 'layer', cell }),
    )
  }

  /** Colours of the page as numbers, by way of a canvas: color-mix cannot be put into pixels. */
  function palette() {
    const probe = element('canvas', { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true })
    const read = (name) => {
      probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
      probe.fillRect(0, 0, 1, 1)
      return [...probe.getImageData(0, 0, 1, 1).data]
    }
    return { even: read('even'), over: read('over'), under: read('under') }
  }

  function drawHistory() {
    const canvas = byId('history')
    const [columns, height] = [series.step.length, experts]
    Object.assign(canvas, { width: columns, height })
    canvas.style.height = `${Math.max(120, Math.min(420, experts * 14))}px`
    canvas.ariaLabel = `Load of the ${experts} experts of layer ${layer} over ${series.step.at(-1)} steps`
    const context = canvas.getContext('2d')
    const image = context.createImageData(columns, height)
    const { even, over, under } = palette()
    for (let t = 0; t < columns; t++) {
      for (let e = 0; e < experts; e++) {
        const load = loadAt(layer, t, e)
        const strength = load > 0 ? Math.min(1, Math.abs(Math.log2(load))) : 1
        const side = load >= 1 ? over : under
        for (let c = 0; c < 3; c++) {
          image.data[(e * columns + t) * 4 + c] = even[c] + strength * (side[c] - even[c])
        }
        image.data[(e * columns + t) * 4 + 3] = 255
      }
    }
    context.putImageData(image, 0, 0)
  }

  /** Says what lies under the pointer. */
  function readHistory(event) {
    const box = byId('history').getBoundingClientRect()
    const place = (at, length, count) => Math.max(0, Math.min(count - 1, Math.floor((at / length) * count)))
    const t = place(event.clientX - box.left, box.width, series.step.length)
    const e = place(event.clientY - box.top, box.height, experts)
    byId('under').textContent =
      `step ${series.step[t]}, expert ${e}: ${loadAt(layer, t, e).toFixed(2)} of the even share`
  }

  const curves = [
    ['maxVio', 'MaxVio'],
    ['entropy', 'Entropy of the mean distribution'],
    ['rowEntropy', 'Mean entropy of a row'],
    ['margin', 'Margin'],
    ['dead', 'Dead experts'],
    ['dropped', 'Dropped pairs a step'],
  ]

  function drawCurves() {
    const drawn = curves.map(([figure, title]) => {
      const values = series[figure][layer]
      const known = values.filter((value) => value !== null)
      const [low, high] = [Math.min(0, ...known), Math.max(...known, 1e-9)]
      const points = values.flatMap((value, i) => {
        const x = values.length > 1 ? (i / (values.length - 1)) * 300 : 150
        return value === null ? [] : [`${x.toFixed(1)},${(80 - ((value - low) / (high - low)) * 76).toFixed(1)}`]
      })
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
      svg.setAttribute('viewBox', '0 0 300 84')
      svg.setAttribute('preserveAspectRatio', 'none')
      svg.setAttribute('class', 'curve')
      const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline')
      const attributes = { points: points.join(' '), fill: 'none', stroke: 'currentColor', 'stroke-width': '1.6' }
      for (const [key, value] of Object.entries(attributes)) line.setAttribute(key, value)
      line.setAttribute('vector-effect', 'non-scaling-stroke')
      svg.append(line)
      const short = (value) => Number(value.toPrecision(3))
      const last =
        known.length > 0 ? `${short(known.at(-1))} at the end, at most ${short(Math.max(...known))}` : 'not known'
      svg.setAttribute('role', 'img')
      svg.setAttribute('aria-label', `${title}, layer ${layer}: ${last}`)
      return element('figure', {}, [element('figcaption', { textContent: `${title}: ${last}` }), svg])
    })
    byId('curves').replaceChildren(...drawn)
  }

  // ---- what experts read ----
  function drawDomains() {
    const { shares, z, load } = layers[layer]
    const cell = (d, e) => {
      const [share, usual] = [shares[e][d], load[e] / tokens]
      const title =
        `${domains[d].name}, expert ${e}: ${percent(share)} of its tokens, ${percent(usual)} of all; ` +
        `${z[e][d]} deviations from shuffled domains`
      const ratio = share === null || usual === 0 ? 1 : share / usual
      return { ratio, text: percent(share), title, kind: Math.abs(z[e][d]) > 3.3 ? 'sure' : '' }
    }
    const rows = domains.map(({ name }) => name)
    byId('domains').replaceChildren(heatMap({ rows, columns: numbers(experts), corner: 'expert', named: true, cell }))
  }

  function drawPairs() {
    if (topK < 2) return
    const { together, chance } = layers[layer]
    const cell = (i, j) => {
      if (i === j) return { ratio: 1, text: '', title: `expert ${i}`, kind: 'self' }
      const [share, usual] = [together[i][j], chance[i][j]]
      const title = `of the tokens of expert ${i}, ${percent(share)} meet expert ${j} too; ${percent(usual)} by loads alone`
      return { ratio: share === null || !usual ? 1 : share / usual, text: percent(share), title }
    }
    byId('pairs').replaceChildren(
      heatMap({ rows: numbers(experts), columns: numbers(experts), corner: 'expert', cell }),
    )
  }

  function drawWords() {
    const rows = layers[layer].words.map((words, e) => {
      const list = words.map(([text, share, seen]) =>
        element('span', { className: 'token', title: `seen ${seen} times` }, [
          element('b', { textContent: text }),
          element('i', { textContent: percent(share) }),
        ]),
      )
      const cell = element('td', {}, list.length > 0 ? list : [element('i', { textContent: 'none above its share' })])
      return element('tr', {}, [element('th', { scope: 'row', textContent: e }), cell])
    })
    byId('words').replaceChildren(element('table', { className: 'words' }, [element('tbody', {}, rows)]))
  }

  /** A tint behind text: hues by the golden angle, three lightnesses, all far from the colour of the text. */
  function tint(expert) {
    const hue = (expert * 137.508) % 360
    const step = expert % 3
    return dark.matches ? `oklch(${0.27 + 0.06 * step} 0.085 ${hue})` : `oklch(${0.92 - 0.065 * step} 0.095 ${hue})`
  }

  function drawTexts() {
    const reads = Array.from({ length: experts }, () => 0)
    const drawn = texts.map(({ domain, pieces, choices }) => {
      const spans = pieces.map((piece, i) => {
        const chosen = choices[layer].slice(i * topK, i * topK + topK)
        reads[chosen[0]]++
        const style = `--tint:${tint(chosen[0])}${topK > 1 ? `;--second:${tint(chosen[1])}` : ''}`
        const span = element('span', { style, title: `expert ${chosen.join(', then ')}`, textContent: piece })
        span.dataset.expert = chosen[0]
        if (alone !== null && chosen[0] !== alone) span.className = 'faint'
        return span
      })
      return element('div', { className: 'text' }, [element('h3', { textContent: domain }), element('p', {}, spans)])
    })
    byId('texts').replaceChildren(...drawn)
    const total = reads.reduce((sum, x) => sum + x, 0)
    const buttons = reads.map((count, e) => {
      const button = element('button', {
        type: 'button',
        style: `--tint:${tint(e)}`,
        textContent: String(e),
        title: `expert ${e} reads ${percent(count / Math.max(1, total))} of what is shown; choose to see its tokens alone`,
      })
      button.ariaPressed = String(alone === e)
      button.addEventListener('click', () => {
        alone = alone === e ? null : e
        drawTexts()
        byId('legend').children[e].focus()
      })
      return button
    })
    byId('legend').replaceChildren(...buttons)
  }

  // ---- controls ----
  function drawLayer() {
    for (const place of document.querySelectorAll('.layer')) place.textContent = layer
    for (const [i, button] of [...document.querySelectorAll('#layers button')].entries()) {
      button.ariaPressed = String(i === layer)
    }
    for (const [i, row] of [...document.querySelectorAll('.figures tbody tr')].entries()) {
      row.setAttribute('aria-selected', String(i === layer))
    }
    if (series !== null) {
      drawHistory()
      drawCurves()
    }
    drawDomains()
    drawPairs()
    drawWords()
    drawTexts()
  }

  byId('layers').append(
    element('span', { textContent: 'layer' }),
    ...layers.map((_, i) => {
      const button = element('button', { type: 'button', textContent: String(i) })
      button.addEventListener('click', () => {
        layer = i
        drawLayer()
      })
      return button
    }),
  )
  if (series !== null) {
    const slider = byId('time')
    slider.max = series.step.length - 1
    slider.value = time
    slider.addEventListener('input', () => {
      time = Number(slider.value)
      drawLoads()
    })
    byId('history').addEventListener('pointermove', readHistory)
    drawLoads()
  }
  byId('numbers').addEventListener('change', (event) =>
    byId('texts').classList.toggle('numbered', event.target.checked),
  )
  dark.addEventListener('change', drawLayer)
  drawLayer()
})()
