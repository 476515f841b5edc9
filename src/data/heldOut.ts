// Which generated contents are held out: a tenth, by their own words, so that no seed, split or task changes sides.
import { hash } from 'node:crypto'

const heldOutOf = 10

/** Whether what is written so is kept from training. */
export function isHeldOut(content: string): boolean {
  return Number.parseInt(hash('sha256', content, 'hex').slice(0, 8), 16) % heldOutOf === 0
}
