// One trunk, several decays: shorter trainings of a comparison go on from the longest one's state.
//
// Under WSD (warm up, stay, decay) trainings of different lengths differ only in when they decay, if all warm up over the
// same steps. Until then they compute the same bits, so the longest one's states, kept where the shorter ones begin to
// decay, spare most of their steps (Hägele et al. 2024, arXiv 2405.18392). A state that is missing costs time, no more:
// the training then starts anew and ends at the same loss.
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type ModelConfig, replaceFolder } from '../model/index.ts'
import { checkpointFolder, defaultTrainingOptions } from '../train/index.ts'

const { warmup, decay } = defaultTrainingOptions

/** Steps that a training has in common with the longest one: those before it decays; 0 if it would not have warmed up by then. */
export function stepsInCommon(steps: number, longest: number): number {
  const shared = Math.floor(steps * (1 - decay))
  return shared >= warmup * longest ? shared : 0
}

/** Share of a shorter training in which it warms up, so that it does over as many steps as the longest one. */
export function sharedWarmup(steps: number, longest: number): number {
  return (warmup * longest) / steps
}

/** Whether routing is the same whatever the length: a bias's rate and a warm-up of routers follow the share that is done. */
export function hasTrunk({ routing }: ModelConfig): boolean {
  return routing.balance !== 'bias' && routing.warmup === 0
}

function stateFolder(trial: string, step: number): string {
  return join(trial, 'states', `step-${step}`)
}

/** Keeps the state that a training has just saved in its folder. */
export async function keepState(trial: string, step: number): Promise<void> {
  await copyWhole(checkpointFolder(trial), stateFolder(trial, step))
}

/** Puts a kept state of one training into another's folder, to be resumed there; false where there is none. */
export async function branchFrom(trunk: string, step: number, trial: string): Promise<boolean> {
  const folder = stateFolder(trunk, step)
  if (!existsSync(folder)) return false
  await copyWhole(folder, checkpointFolder(trial))
  return true
}

/** The copy is there in full or not at all: a half would be resumed from, or refused for good. */
async function copyWhole(from: string, to: string): Promise<void> {
  mkdirSync(dirname(to), { recursive: true })
  await replaceFolder(to, (aside) => cpSync(from, aside, { recursive: true }))
}

/** Deletes the kept states of a training. */
export function dropStates(trial: string): void {
  rmSync(join(trial, 'states'), { recursive: true, force: true })
}
