import { expect, it } from 'vitest'
import { longFunctions } from './sizeReport.ts'

it('finds functions and arrow functions over the cap by name, line and length', () => {
  const text = 'const a = 1\nfunction long() {\n  a\n  a\n}\nconst arrow = () => {\n  a\n  a\n}\nfunction short() {}\n'
  expect(longFunctions('x.ts', text, 3)).toEqual([
    { name: 'long', line: 2, lines: 4 },
    { name: 'arrow', line: 6, lines: 4 },
  ])
})
