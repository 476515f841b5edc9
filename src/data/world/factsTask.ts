// The task "facts": one fact in several phrasings, and asked in several. The facts of train and test are the same, for
// an invented fact can only be known by having been read; the questions of test are put in words that no document has.
import type { Rng } from '../../util/index.ts'
import type { MediaPart } from '../mediaPart.ts'
import { factsOf, type Fact, type FactKind } from './knowledge.ts'
import { answer, ask, pick, type Task } from './types.ts'

/** Ways to say a fact: S is the subject, V the value. */
const statements: Record<FactKind, readonly string[]> = {
  born: ['S was born in V.', 'S comes from V.', 'V is the town where S was born.', 'the birthplace of S is V.'],
  home: ['S lives in V.', 'S has a house in V.', 'V is the town where S lives.', 'the home of S is in V.'],
  job: ['S works as a V.', 'S is a V.', 'the job of S is V.', 'S earns money as a V.'],
  pet: ['S has a V.', 'the pet of S is a V.', 'S keeps a V at home.', 'a V lives with S.'],
  capital: ['the capital of S is V.', 'V is the capital of S.', 'S is ruled from V.', 'S has its capital in V.'],
  river: [
    'the river of S is the V.',
    'the V flows through S.',
    'the V is the river of S.',
    'in S there is a river, the V.',
  ],
}

/** Ways to ask for it in training. */
const trained: Record<FactKind, readonly string[]> = {
  born: ['where was S born?', 'where does S come from?', 'what is the birthplace of S?', 'S was born in which town?'],
  home: ['where does S live?', 'where is the home of S?', 'where does S have a house?', 'S lives in which town?'],
  job: ['what does S work as?', 'what is the job of S?', 'how does S earn money?', 'S works as what?'],
  pet: ['which pet does S have?', 'what is the pet of S?', 'which animal lives with S?', 'S keeps which animal?'],
  capital: [
    'what is the capital of S?',
    'from where is S ruled?',
    'where is the capital of S?',
    'S is ruled from where?',
  ],
  river: [
    'what is the river of S?',
    'which river flows through S?',
    'which river is there in S?',
    'S has which river?',
  ],
}

/** Ways to ask for it in test only. */
const unseen: Record<FactKind, readonly string[]> = {
  born: ['in which town was S born?', 'which town does S come from?'],
  home: ['in which town does S live?', 'which town is the home of S in?'],
  job: ['which job does S have?', 'what is S working as?'],
  pet: ['what animal does S have?', 'which animal is the pet of S?'],
  capital: ['which town is the capital of S?', 'which town is S ruled from?'],
  river: ['what river flows in S?', 'which is the river of S?'],
}

const fill = (pattern: string, { subject, value }: Fact) => pattern.replace('S', subject).replace('V', value)

function asked(fact: Fact, patterns: Record<FactKind, readonly string[]>, rng: Rng): string {
  return fill(pick(patterns[fact.kind], rng), fact)
}

/** Facts of a document: several, so that the weights must hold what the text just said no more. */
const factsPerDocument = 4

export const factsTask: Task<Fact[]> = {
  plan: (rng, _split, seed) => Array.from({ length: factsPerDocument }, () => pick(factsOf(seed), rng)),
  document(plan, rng) {
    // some facts are told, others asked without having been told: recall must come from earlier documents
    const parts = plan.map((fact): MediaPart[] =>
      rng.integer(2) === 0
        ? [{ text: `${asked(fact, statements, rng)}\n` }]
        : [ask(asked(fact, trained, rng)), answer(fact.value)],
    )
    return parts.flat()
  },
  questions: (plan, rng, split) =>
    plan.slice(0, 1).map((fact) => ({
      kind: fact.kind,
      prompt: [ask(asked(fact, split === 'test' ? unseen : trained, rng))],
      answer: `${fact.value}\n`,
      truth: {},
    })),
}
