// Loads of experts on a canvas: a row a layer, a column an expert, coloured by its share against the even share.
//
// The scale is logarithmic: even is the colour of the page, twice is full warm, half is full cool. Arrow keys walk the cells,
// and what a cell holds is told below in words.
import { useEffect, useRef, useState } from 'preact/hooks'
import { integer, percent } from '../lib/format.ts'
import { useStore } from '../lib/store.ts'
import { colour, themeChanges } from '../ui/theme.ts'
import { relativeLoad } from './loads.ts'

interface HeatMapProps {
  /** [layers][experts] */
  load: readonly (readonly number[])[]
  label: string
}

const gutter = 34
const header = 18

interface Cell {
  layer: number
  expert: number
}

export function HeatMap({ load, label }: HeatMapProps) {
  const host = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(600)
  const [cell, setCell] = useState<Cell | undefined>()
  const changes = useStore(themeChanges)
  const experts = Math.max(1, ...load.map((layer) => layer.length))
  const cellWidth = Math.max(5, Math.min(56, (width - gutter) / experts))
  const cellHeight = Math.max(12, Math.min(34, cellWidth * 1.2))
  const size = {
    width: Math.round(gutter + cellWidth * experts),
    height: Math.round(header + cellHeight * load.length),
  }
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width))
    watcher.observe(host.current!)
    return () => watcher.disconnect()
  }, [])
  useEffect(() => draw(canvas.current!, load, { ...size, cellWidth, cellHeight, cell }), [load, width, cell, changes])
  const at = (event: MouseEvent): Cell | undefined => {
    const expert = Math.floor((event.offsetX - gutter) / cellWidth)
    const layer = Math.floor((event.offsetY - header) / cellHeight)
    return expert >= 0 && expert < (load[layer]?.length ?? 0) ? { layer, expert } : undefined
  }
  const move = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
    }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const { layer, expert } = cell ?? { layer: 0, expert: 0 }
    const nextLayer = clamp(layer + step[0], load.length)
    setCell({ layer: nextLayer, expert: clamp(expert + step[1], load[nextLayer].length) })
  }
  return (
    <div class="heat" ref={host}>
      <div class="scroll">
        <canvas
          ref={canvas}
          width={size.width}
          height={size.height}
          tabIndex={0}
          role="img"
          aria-label={`${label}. Arrow keys walk through it.`}
          onMouseMove={(event) => setCell(at(event))}
          onMouseLeave={() => setCell(undefined)}
          onKeyDown={move}
        />
      </div>
      <div class="heat-foot">
        <p class="scale" aria-hidden="true">
          <span>½×</span>
          <i />
          <span>even</span>
          <i class="over" />
          <span>2×</span>
        </p>
        <p class="heat-cell" role="status">
          {cell === undefined || load[cell.layer] === undefined ? ' ' : describe(load, cell)}
        </p>
      </div>
    </div>
  )
}

const clamp = (value: number, count: number) => Math.max(0, Math.min(count - 1, value))

function describe(load: HeatMapProps['load'], { layer, expert }: Cell): string {
  const counts = load[layer]
  const sum = counts.reduce((total, count) => total + count, 0)
  const relative = relativeLoad(counts)[expert] ?? 0
  return `Layer ${layer}, expert ${expert}: ${integer(counts[expert] ?? 0)} rows, ${percent(sum > 0 ? counts[expert] / sum : 0)}, ${relative.toFixed(2)} of the even share`
}

interface Drawing {
  width: number
  height: number
  cellWidth: number
  cellHeight: number
  cell: Cell | undefined
}

function draw(canvas: HTMLCanvasElement, load: HeatMapProps['load'], drawing: Drawing): void {
  const { width, height, cellWidth, cellHeight, cell } = drawing
  const ratio = devicePixelRatio
  canvas.width = width * ratio
  canvas.height = height * ratio
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const context = canvas.getContext('2d')
  if (context === null) return
  context.scale(ratio, ratio)
  const [under, even, over] = ['--under', '--even', '--over'].map((name) => toRgb(colour(name)))
  const gap = cellWidth > 9 ? 1.5 : 0.5
  load.forEach((counts, layer) => {
    relativeLoad(counts).forEach((relative, expert) => {
      const strength = relative > 0 ? Math.min(1, Math.abs(Math.log2(relative))) : 1
      context.fillStyle = mix(even, relative >= 1 ? over : under, strength)
      const [x, y] = [gutter + expert * cellWidth, header + layer * cellHeight]
      context.fillRect(x, y, cellWidth - gap, cellHeight - gap)
      if (cell?.layer !== layer || cell.expert !== expert) return
      context.strokeStyle = colour('--ink')
      context.lineWidth = 1.5
      context.strokeRect(x + 0.25, y + 0.25, cellWidth - gap - 0.5, cellHeight - gap - 0.5)
    })
  })
  drawLabels(context, load, drawing)
}

function drawLabels(
  context: CanvasRenderingContext2D,
  load: HeatMapProps['load'],
  { cellWidth, cellHeight }: Drawing,
): void {
  context.fillStyle = colour('--muted')
  context.font = '11px ui-sans-serif, system-ui, sans-serif'
  context.textBaseline = 'middle'
  context.textAlign = 'right'
  load.forEach((_, layer) => context.fillText(String(layer), gutter - 8, header + (layer + 0.5) * cellHeight))
  context.textAlign = 'center'
  const experts = Math.max(0, ...load.map((layer) => layer.length))
  const every = [1, 2, 4, 8, 16, 32].find((step) => step * cellWidth >= 22) ?? 64
  for (let expert = 0; expert < experts; expert += every) {
    context.fillText(String(expert), gutter + (expert + 0.5) * cellWidth, header / 2)
  }
}

type Rgb = readonly number[]

function toRgb(text: string): Rgb {
  const numbers = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0]
  // computed colours are rgb(...) in bytes, or color(srgb ...) in shares
  return text.startsWith('color(') ? numbers.slice(0, 3).map((share) => 255 * share) : numbers.slice(0, 3)
}

function mix(from: Rgb, to: Rgb, share: number): string {
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * share)).join(' ')})`
}
