// Judges a drawn picture: exactly the wanted objects, as far as they are described, and lying as wanted.
import type { Picture } from '../../media/index.ts'
import { readScene, type FoundObject } from './readScene.ts'
import { nounPhrase } from './sceneTask.ts'
import type { Relation } from './scene.ts'
import type { Wanted, WantedObject } from './wanted.ts'

/** A shape that explains the pixels worse than this is none of the shapes. */
const leastFit = 0.55
/** Pixels by which one object must lie beyond another: a third of the distance of two cells. */
const beyond = 3.5

/**
 * Whether a picture shows what is wanted and nothing else.
 *
 * @returns `why` says in words what is wrong, or what was found
 */
export function judgeScene(picture: Picture, wanted: Wanted): { right: boolean; why: string } {
  const found = readScene(picture)
  const seen = found.map((object) => `${nounPhrase(object)} at the ${object.cell}`).join(', ') || 'nothing'
  const wrong = (problem: string) => ({ right: false, why: `${problem}; found ${seen}` })
  const vague = found.find(({ fit }) => fit < leastFit)
  if (vague !== undefined) return wrong(`something ${vague.color} at the ${vague.cell} is no shape`)
  if (found.length !== wanted.objects.length) {
    return wrong(`${wanted.objects.length} wanted, ${found.length} found`)
  }
  const missing = wanted.objects.find((object) => !found.some((one) => matches(one, object)))
  if (missing !== undefined) {
    return wrong(`no ${nounPhrase(missing).slice(2)}${missing.cell === undefined ? '' : ` at the ${missing.cell}`}`)
  }
  const order = assignments(found, wanted.objects)
  if (order.length === 0) return wrong('two wanted objects are one in the picture')
  const { relations = [] } = wanted
  const fits = order.some((one) => relations.every(({ a, relation, b }) => lies(one[a], relation, one[b])))
  if (!fits) return wrong(`the objects do not lie ${relations.map(({ relation }) => relation).join(', ')} each other`)
  return { right: true, why: `found ${seen}` }
}

function matches(found: FoundObject, { color, shape, size, cell }: WantedObject): boolean {
  return (
    found.color === color &&
    found.shape === shape &&
    (size === undefined || found.size === size) &&
    (cell === undefined || found.cell === cell)
  )
}

/** Every way to give each wanted object a found one of its own. */
function assignments(found: FoundObject[], wanted: WantedObject[]): FoundObject[][] {
  if (wanted.length === 0) return [[]]
  const [first, ...rest] = wanted
  return found
    .filter((object) => matches(object, first))
    .flatMap((object) =>
      assignments(
        found.filter((one) => one !== object),
        rest,
      ).map((others) => [object, ...others]),
    )
}

function lies(a: FoundObject, relation: Relation, b: FoundObject): boolean {
  if (relation === 'left of') return b.x - a.x >= beyond
  if (relation === 'right of') return a.x - b.x >= beyond
  if (relation === 'above') return b.y - a.y >= beyond
  return a.y - b.y >= beyond
}
