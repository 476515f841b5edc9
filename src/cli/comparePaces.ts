// Seconds per step of a comparison's models, measured in turns in one process and kept in paces.json.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { configFile, type ModelConfig } from '../model/index.ts'
import { measurePaces, type Pace } from '../train/index.ts'
import { isRecord } from '../util/index.ts'
import { comparePaths } from './compareRequest.ts'
import { type Session, Stopped } from './compareSession.ts'
import { duration } from './format.ts'
import { type Stage, startStage } from './progress.ts'
import { writeAside } from './runFolder.ts'

/** Seconds per step of models, in turns; measured once and kept. @throws Stopped */
export async function pacesOf(session: Session, title: string, configs: readonly ModelConfig[]): Promise<Pace[]> {
  const { comparison, setting, signal, terminal } = session
  const { request, preset } = comparison
  const path = comparePaths(comparison.folder).paces
  const key = createHash('sha256').update(
    JSON.stringify([configs.map((config) => configFile(config, 'bf16')), request.batch, request.context]),
  )
  const name = key.digest('hex').slice(0, 16)
  const known = readPaces(path)
  if (known[name]) return known[name]
  const stage: Stage = startStage(terminal, title)
  const { batch, context: time, optimizer, compute } = request
  const { learningRate, matrixLearningRate } = preset
  const paces = await measurePaces(
    configs.map((config) => ({
      config,
      loader: setting.loader(request.seed),
      training: {
        ...{ batch, time, optimizer, compute, accumulation: setting.accumulation, learningRate, matrixLearningRate },
      },
    })),
    { signal, onTurn: (done) => stage.update(`in turns, ${Math.round(100 * done)}%`) },
  )
  if (paces === undefined) throw new Stopped()
  stage.done(`${paces.map(({ secondsPerStep }) => duration(secondsPerStep)).join(', ')} a step, in turns`)
  writeAside(path, `${JSON.stringify({ ...readPaces(path), [name]: paces }, null, 1)}\n`)
  return paces
}

function readPaces(path: string): Record<string, Pace[]> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isRecord(value) ? (value as Record<string, Pace[]>) : {}
  } catch {
    return {}
  }
}
