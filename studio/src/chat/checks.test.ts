import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { checkSchema, checkTools, mismatches } from './checks.ts'

const schemas: unknown[] = [
  { type: 'string', minLength: 2, maxLength: 3, pattern: '^a' },
  { type: 'integer', minimum: 0, maximum: 10 },
  { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1, multipleOf: 0.25 },
  { type: ['string', 'null'] },
  { enum: ['a', 1, null, { x: [1] }] },
  { const: { a: 1 } },
  { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 },
  {
    type: 'object',
    properties: { name: { type: 'string' }, tags: { type: 'array', items: { enum: ['x', 'y'] } } },
    required: ['name'],
    additionalProperties: false,
  },
  { type: 'object', additionalProperties: { type: 'boolean' } },
  { anyOf: [{ type: 'string' }, { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }] },
  { oneOf: [{ type: 'number' }, { type: 'integer' }] },
  { allOf: [{ type: 'number', minimum: 1 }, { maximum: 5 }] },
  {
    $defs: {
      node: { type: 'object', properties: { next: { $ref: '#/$defs/node' }, v: { type: 'integer' } }, required: ['v'] },
    },
    $ref: '#/$defs/node',
  },
]

const values: unknown[] = [
  ...['', 'a', 'ab', 'abcd', 'xy', '😀a', 'x'],
  ...[0, 1, 3, 5, 10, 11, -1, 0.5, 0.3, 2.5],
  ...[null, true, false],
  ...[[], [1], [1, 2, 3, 4], ['x'], [1.5], [[1]]],
  ...[{}, { a: 1 }, { a: 'x' }, { name: 'n' }, { name: 1 }, { name: 'n', more: 1 }, { name: 'n', tags: ['x', 'y'] }],
  ...[
    { name: 'n', tags: ['z'] },
    { x: [1] },
    { x: [2] },
    { a: true },
    { v: 1 },
    { v: 1, next: { v: 2 } },
    { v: 1, next: {} },
  ],
]

describe('mismatches', () => {
  it('agrees with ajv on every pair of schema and value', () => {
    const ajv = new Ajv({ strict: false })
    for (const schema of schemas) {
      const validate = ajv.compile(schema as object)
      for (const value of values) {
        const found = mismatches(schema, value)
        expect({ schema, value, valid: found.length === 0 }).toEqual({ schema, value, valid: validate(value) })
      }
    }
  })

  it('names the place, what is wanted and what is there', () => {
    const schema = { type: 'object', properties: { list: { type: 'array', items: { type: 'integer' } } } }
    expect(mismatches(schema, { list: [1, 'x'] })).toEqual(['list[1]: must be integer, got "x"'])
  })

  it('takes the Gemini subset: upper-case types, nullable, counts as text', () => {
    expect(mismatches({ type: 'STRING', nullable: true }, null)).toEqual([])
    expect(mismatches({ type: 'ARRAY', maxItems: '1' }, [1, 2])).toHaveLength(1)
  })
})

describe('checkSchema', () => {
  it('says what is no JSON, and where', () => {
    expect(checkSchema('{ "type": "object", }').problems[0]).toMatch(/no JSON: .*position 20/)
  })

  it('finds unknown types, required names without a property, and lists that are none', () => {
    const text = JSON.stringify({
      type: 'object',
      properties: { a: { type: 'text' }, b: { enum: [] }, c: { anyOf: {} } },
      required: ['a', 'z'],
    })
    expect(checkSchema(text).problems).toEqual([
      expect.stringMatching(/^properties\.a\.type: must be one of .*got "text"/),
      'properties.b.enum: must be a list of at least one value',
      'properties.c.anyOf: must be a list of schemas',
      'required: there is no property "z"',
    ])
  })

  it('passes the schemas of this test', () => {
    for (const schema of schemas) expect(checkSchema(JSON.stringify(schema)).problems).toEqual([])
  })
})

describe('checkTools', () => {
  it('wants a list of functions with names of their own and sound parameters', () => {
    expect(checkTools('{}').problems).toHaveLength(1)
    const tools = [
      { name: 'f' },
      { name: 'f' },
      { name: '1x' },
      { name: 'g', parametersJsonSchema: { type: 'obj' } },
      3,
    ]
    const { problems } = checkTools(JSON.stringify(tools))
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(['2', '3', 'g.parametersJsonSchema.type', '5'])
  })
})
