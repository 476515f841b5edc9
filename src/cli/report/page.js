// Behaviour of report.html: draws the curves with uPlot, in the page's colours, at the page's width.
// Runs in a browser as it stands; report.ts inlines it after uPlot, which it finds as a global.
;(() => {
  const series = JSON.parse(document.getElementById('series').textContent)
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const font = '12px system-ui, "Liberation Sans", sans-serif'
  const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 })
  const fixed = (digits) => (_, value) => (value === null || value === undefined ? '–' : value.toFixed(digits))
  const whole = (_, value) => (value === null || value === undefined ? '–' : Math.round(value).toLocaleString('en'))
  const xLabels = { tokens: 'tokens', minutes: 'minutes', step: 'step' }
  const scaled = (values, factor) => values.map((value) => (value === null ? null : value * factor))
  let axis = 'tokens'
  let plots = []

  const line = (label, stroke, value, more) => ({ label, stroke, value, width: 1.4, points: { show: false }, ...more })

  const charts = () => [
    {
      id: 'loss',
      height: 330,
      columns: [series.train, series.smooth, series.val],
      lines: [
        line('train', `${color('train')}55`, fixed(3), { width: 1 }),
        line('train, smooth', color('train'), fixed(3), { width: 2.2 }),
        line('validation', color('val'), fixed(3), {
          width: 2.2,
          spanGaps: true,
          points: { show: true, size: 7, fill: color('card'), width: 2 },
        }),
      ],
    },
    {
      id: 'speed',
      height: 170,
      columns: [series.tokensPerSecond],
      lines: [line('tokens/s', color('train'), whole)],
      zero: true,
    },
    {
      id: 'mfu',
      height: 170,
      columns: [scaled(series.mfu, 100)],
      lines: [line('MFU %', color('train'), fixed(1))],
      zero: true,
    },
    {
      id: 'balance',
      height: 170,
      columns: [series.balance],
      lines: [line('balance', color('over'), fixed(2))],
      zero: true,
    },
  ]

  function axes(isSmall) {
    const style = { stroke: color('muted'), font, grid: { stroke: color('line'), width: 1 }, ticks: { show: false } }
    const label = (_, values) =>
      values.map((value) => (value === null || value === undefined ? '' : compact.format(value)))
    return [
      { ...style, values: label, space: isSmall ? 64 : 80, grid: { show: false }, size: 28 },
      { ...style, values: label, size: 46, space: 34 },
    ]
  }

  // The first steps of a run are far above the rest; the axis begins where the curve has bent.
  function lossRange(_, low, high) {
    const known = series.smooth.concat(series.val).filter((value) => value !== null)
    const from = Math.ceil(series.smooth.length / 40)
    const top = Math.min(high, 1.05 * Math.max(...series.smooth.slice(from), ...series.val))
    const bottom = Math.min(low, ...known)
    const margin = (top - bottom) * 0.06 || 0.1
    return [Math.max(0, bottom - margin), top + margin]
  }

  function draw() {
    for (const plot of plots) plot.destroy()
    plots = []
    for (const chart of charts()) {
      const element = document.getElementById(chart.id)
      if (element === null) continue
      const isLoss = chart.id === 'loss'
      const range = isLoss ? lossRange : (_, low, high) => [0, Math.max(high * 1.12, 0.1)]
      const options = {
        width: widthOf(element),
        height: chart.height,
        scales: { x: { time: false }, y: { range } },
        axes: axes(!isLoss),
        legend: { show: true, live: true },
        hooks: { ready: [showLast], setCursor: [showLast] },
        cursor: { y: false, points: { size: 7 }, sync: { key: 'run' }, drag: { x: true, y: false } },
        series: [{ label: xLabels[axis], value: axis === 'minutes' ? fixed(2) : whole }, ...chart.lines],
      }
      plots.push(new uPlot(options, [series[axis], ...chart.columns], element))
    }
  }

  // With no pointer on the chart its legend shows where the run ended.
  function showLast(plot) {
    if (typeof plot.cursor.idx !== 'number') plot.setLegend({ idx: series.step.length - 1 }, false)
  }

  const widthOf = (element) => Math.max(220, element.clientWidth - 12)

  function resize() {
    for (const plot of plots) {
      const width = widthOf(plot.root.parentElement)
      if (width !== plot.width) plot.setSize({ width, height: plot.height })
    }
  }

  for (const button of document.querySelectorAll('[data-axis]')) {
    button.addEventListener('click', () => {
      axis = button.dataset.axis
      for (const other of document.querySelectorAll('[data-axis]')) other.ariaPressed = String(other === button)
      draw()
    })
  }
  dark.addEventListener('change', draw)
  addEventListener('resize', resize)
  draw()
})()
