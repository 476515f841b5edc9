import { describe, expect, it } from 'vitest'
import { newModel, preset } from '../model/index.ts'
import { ByteTokenizer, MediaByteTokenizer, random } from '../testing/index.ts'
import { MediaEncoder } from '../data/index.ts'
import { Rng } from '../util/index.ts'
import { domainSignificance } from './routingChance.ts'
import { batchOf, collectRouting } from './routingCollect.ts'
import { documentDomain, DomainNames, tokenDomains } from './routingDomains.ts'
import {
  chanceCoActivation,
  coActivation,
  domainCounts,
  domainInformation,
  domainShares,
  expertLoad,
  favouriteTokens,
  pairCounts,
  saturation,
  wilsonLower,
} from './routingFigures.ts'
import { noDomain, type RoutingSample, SampleWriter } from './routingSample.ts'
import { chooseUnits, mediaUnit, type RoutingUnit, textUnits } from './routingUnits.ts'

const [E, K, D, layers] = [7, 3, 4, 2]

/** Random choices, distinct experts a token; the first tokens of a unit have no domain. */
function randomSample(seed: number, { units = 40, length = 25 } = {}): RoutingSample {
  const rng = random(seed)
  const domainNames = ['a', 'b', 'c', 'd']
  const writer = new SampleWriter({ experts: E, topK: K, layers, tokens: units * length, domainNames })
  for (let document = 0; document < units; document++) {
    const domains = Uint8Array.from({ length }, (_, i) => (i === 0 ? noDomain : (document + (i > 20 ? 1 : 0)) % D))
    const ids = Int32Array.from({ length }, () => rng.integer(12))
    const choose = () => {
      const left = Array.from({ length: E }, (_, e) => e)
      return Array.from({ length: K }, () => left.splice(rng.integer(left.length), 1)[0])
    }
    const choices = Array.from({ length: layers }, () => Array.from({ length: length + 2 }, choose).flat())
    writer.add({ ids, domains, document }, choices, 2)
  }
  return writer.sample
}

/** [token][expert chosen?] of a layer. */
function table({ ids, choices }: RoutingSample, layer: number): boolean[][] {
  return Array.from(ids, (_, t) => {
    const chosen = [...choices[layer].subarray(t * K, t * K + K)]
    return Array.from({ length: E }, (_, e) => chosen.includes(e))
  })
}

describe('figures of random routing are those of a loop over its tokens', () => {
  const sample = randomSample(3)
  for (let layer = 0; layer < layers; layer++) {
    const met = table(sample, layer)
    const count = (holds: (token: number) => boolean) => met.filter((_, token) => holds(token)).length

    it(`Dom of layer ${layer}`, () => {
      const shares = domainShares(domainCounts(sample, layer))
      for (let e = 0; e < E; e++) {
        for (let d = 0; d < D; d++) {
          const of = count((t) => sample.domains[t] === d)
          expect(shares[e][d]).toBeCloseTo(count((t) => sample.domains[t] === d && met[t][e]) / of, 12)
        }
      }
    })

    it(`CoAct and load of layer ${layer}`, () => {
      const load = expertLoad(sample, layer)
      const together = coActivation(pairCounts(sample, layer))
      for (let i = 0; i < E; i++) {
        expect(load[i]).toBe(count((t) => met[t][i]))
        for (let j = 0; j < E; j++) {
          expect(together[i][j]).toBeCloseTo(count((t) => met[t][i] && met[t][j]) / count((t) => met[t][i]), 12)
        }
      }
    })

    it(`Voc of layer ${layer}`, () => {
      const favourites = favouriteTokens(sample, layer, 100)
      expect(favourites.flat().length).toBeGreaterThan(0)
      favourites.forEach((tokens, e) => {
        const usual = count((t) => met[t][e]) / met.length
        for (const { id, share, lower, seen } of tokens) {
          expect(seen).toBe(count((t) => sample.ids[t] === id))
          expect(share).toBeCloseTo(count((t) => sample.ids[t] === id && met[t][e]) / seen, 12)
          expect(lower).toBeGreaterThan(usual)
          expect(lower).toBeLessThan(share)
        }
        expect(tokens.map(({ lower }) => lower)).toEqual(tokens.map(({ lower }) => lower).sort((a, b) => b - a))
      })
    })

    it(`Sat of layer ${layer}`, () => {
      const other = { ...randomSample(4), ids: sample.ids }
      const before = table(other, layer)
      const overlap = met.reduce((sum, row, t) => sum + row.filter((on, e) => on && before[t][e]).length / K, 0)
      const result = saturation(other, sample)[layer]
      expect(result.overlap).toBeCloseTo(overlap / met.length, 12)
      // random choices agree as often as chance says
      expect(Math.abs(result.overlap - result.chance)).toBeLessThan(0.03)
      expect(saturation(sample, sample)[layer].overlap).toBe(1)
    })

    it(`information of layer ${layer} is H(expert) + H(domain) - H(both)`, () => {
      const { counts } = domainCounts(sample, layer)
      const total = counts.reduce((a, b) => a + b)
      const entropy = (values: number[]) =>
        -values.reduce((sum, n) => sum + (n > 0 ? (n / total) * Math.log2(n / total) : 0), 0)
      const sums = (size: number, place: (i: number) => number) =>
        Array.from({ length: size }, (_, at) => counts.reduce((sum, n, i) => sum + (place(i) === at ? n : 0), 0))
      const expected =
        entropy(sums(E, (i) => Math.floor(i / D))) + entropy(sums(D, (i) => i % D)) - entropy([...counts])
      expect(domainInformation(domainCounts(sample, layer))).toBeCloseTo(expected, 10)
    })
  }

  it('chance co-activation is (K-1)/(E-1) for even loads, and its rows sum to K with the diagonal', () => {
    expect(chanceCoActivation(new Array(E).fill(50), K)[0][1]).toBeCloseTo((K - 1) / (E - 1))
    for (const row of chanceCoActivation(expertLoad(sample, 0), K)) {
      expect(row.reduce((sum, x) => sum + x)).toBeCloseTo(K)
    }
  })

  it('random routing is told from specialised routing by shuffling', () => {
    const even = domainSignificance(sample, 0)
    expect(even.p).toBeGreaterThan(0.02)
    expect(even.information).toBeLessThan(3 * even.shuffled)
    // the same texts, with expert = domain wherever there is one
    const chosen = sample.choices[0].slice()
    sample.domains.forEach((domain, t) => {
      if (domain !== noDomain) chosen.set([domain, (domain + 1) % E, (domain + 2) % E], t * K)
    })
    const special = domainSignificance({ ...sample, choices: [chosen] }, 0)
    expect(special.p).toBeCloseTo(1 / 201)
    expect(special.information).toBeGreaterThan(special.shuffled95)
    expect(special.z[0][0]).toBeGreaterThan(3)
    expect(special.z[6][0]).toBe(0)
  })

  it('the lower end of a share is 0 of nothing, rises with what was seen, and stays below the share', () => {
    expect(wilsonLower(0, 0)).toBe(0)
    expect(wilsonLower(0, 9)).toBe(0)
    expect(wilsonLower(2, 2)).toBeCloseTo(0.342, 3)
    expect(wilsonLower(50, 100)).toBeCloseTo(0.4038, 4)
    expect(wilsonLower(500, 1000)).toBeGreaterThan(wilsonLower(50, 100))
  })
})

describe('a model whose first router is made by hand', () => {
  const { config } = preset('micro')
  const model = newModel(config).initialise(new Rng(1))
  const set = (name: string, value: (at: number) => number) => {
    const { parameter } = model.weights.find(({ parameter: { name: each } }) => each.endsWith(name))!
    parameter.data.forEach((_, at) => (parameter.data[at] = value(at)))
    parameter.touch()
  }
  const width = config.hidden_size
  // without attention the router sees the embedding: token t points at expert t mod 4, and half as far at the next one
  set('layers.0.self_attn.o_proj.weight', () => 0)
  set('layers.0.router.scale', () => 1)
  set('layers.0.router.proj.weight', (at) => (Math.floor(at / width) === at % width ? 10 : 0))
  set('embed_tokens.weight', (at) => {
    const [token, column] = [Math.floor(at / width), at % width]
    return column === token % 4 ? 1 : column === (token + 1) % 4 ? 0.5 : 0
  })
  const rng = random(2)
  const units: RoutingUnit[] = Array.from({ length: 30 }, (_, document) => {
    const ids = Int32Array.from({ length: 3 + rng.integer(20) }, () => 4 * rng.integer(20) + 2 * (document % 2))
    return { ids, document, domains: new Uint8Array(ids.length).fill(document % 2) }
  })

  it('is seen to choose as it was made to, whatever a unit is padded with', async () => {
    const sample = await collectRouting(model, units, { domainNames: ['even', 'odd'], compute: 'f32', rows: 64 })
    expect(sample.ids.length).toBe(units.reduce((sum, { ids }) => sum + ids.length, 0))
    for (const { start, length, document } of sample.units) {
      expect(sample.ids.slice(start, start + length)).toEqual(units[document].ids)
    }
    sample.ids.forEach((id, t) => {
      expect([...sample.choices[0].subarray(t * 2, t * 2 + 2)]).toEqual([id % 4, (id + 1) % 4])
    })
    const shares = domainShares(domainCounts(sample, 0))
    expect(shares).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ])
    const { information, p } = domainSignificance(sample, 0)
    expect(information).toBeGreaterThan(0.9)
    expect(p).toBeLessThan(0.01)
    expect(coActivation(pairCounts(sample, 0))[0]).toEqual([1, 1, 0, 0])
    for (const { id } of favouriteTokens(sample, 0)[2]) expect(id % 4).toBe(2)
  })

  it('is refused when it has no experts', async () => {
    const dense = newModel({ ...config, enable_moe_block: false })
    await expect(collectRouting(dense, units, { domainNames: [] })).rejects.toThrow('must have experts')
  })
})

describe('units', () => {
  const tokenizer = new ByteTokenizer()

  it('cut a text as it is, and give the opening mark no domain', () => {
    const units = textUnits('abcdefg', { tokenizer, domain: 3, document: 5 }, { time: 3, most: 9 })
    expect(units.flatMap(({ ids }) => [...ids])).toEqual([256, ...Buffer.from('abcdefg')])
    expect(units.map(({ ids }) => ids.length)).toEqual([3, 3, 2])
    expect([...units[0].domains]).toEqual([noDomain, 3, 3])
    expect(textUnits('abcdefg', { tokenizer, domain: 3, document: 5 }, { time: 3, most: 2 })).toHaveLength(2)
  })

  it('are chosen evenly over domains, and documents take turns', () => {
    const unit = (domain: number, document: number): RoutingUnit => {
      return { ids: new Int32Array(10), domains: new Uint8Array(10).fill(domain), document }
    }
    const units = [
      ...Array.from({ length: 50 }, () => unit(0, 0)),
      unit(0, 1),
      ...Array.from({ length: 9 }, () => unit(1, 2)),
    ]
    const chosen = chooseUnits(units, 60)
    expect(chosen.map(({ domains }) => domains[0])).toEqual([0, 1, 0, 1, 0, 1])
    expect(chosen.map(({ document }) => document)).toEqual([0, 2, 1, 2, 0, 2])
    expect(chooseUnits(units, 1e9)).toHaveLength(60)
    expect(chooseUnits([], 10)).toEqual([])
  })

  it('are chosen for a domain too that is the smaller part of every unit it is in', () => {
    const mixed = { ids: new Int32Array(10), domains: Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 0, noDomain), document: 99 }
    const plain = Array.from({ length: 20 }, (_, document): RoutingUnit => {
      return { ids: new Int32Array(10), domains: new Uint8Array(10), document }
    })
    expect(chooseUnits([...plain, mixed], 20)).toContain(mixed)
  })

  it('with media tell pictures, sound and text apart, and hand the features on', async () => {
    const encoder = new MediaEncoder({
      tokenizer: new MediaByteTokenizer(),
      shape: { patchSize: 2, pooling: 1, imageTokens: 4, frameTokens: 4, soundFeatures: 'log_mel', mels: 8 },
    })
    const domains = new DomainNames()
    const picture = { width: 4, height: 4, data: new Uint8Array(48).fill(9) }
    const sound = { rate: 16_000, samples: new Float32Array(1280) }
    const from = { encoder, domain: 'dialogue', document: 0 }
    const unit = await mediaUnit([{ picture }, { sound }, { text: 'ab' }], from, { time: 64, domains })
    const names = [...unit!.domains].map((domain) => (domain === noDomain ? '-' : domains.names[domain][0]))
    expect(names.join('')).toBe('--iiii--ss-dd-')
    const plain = textUnits('abcd', { tokenizer, domain: 0, document: 1 }, { time: 64, most: 1 })
    const { pictures, sounds, ids, time } = batchOf([plain[0], unit!])
    expect([...pictures!.rows]).toEqual([2, 3, 4, 5].map((place) => time + place))
    expect(pictures!.features).toHaveLength(4 * 12)
    expect(sounds!.rows).toHaveLength(2)
    for (const row of pictures!.rows) expect(ids[row]).toBe(encoder.ids.image)
    expect(await mediaUnit([{ picture }], from, { time: 5, domains })).toBeNull()
    expect(tokenDomains(Int32Array.of(encoder.ids.video), encoder, 'prose', domains)).toEqual(
      Uint8Array.of(domains.names.indexOf('video')),
    )
  })
})

it('domains of documents follow from kinds of files, words of paths, and questions', () => {
  const domain = (source: string, path: string, target?: boolean) =>
    documentDomain({ parts: [{ text: 'x', target }], provenance: { source, path }, hash: '', bytes: 1 })
  expect(domain('here', 'src/a.ts')).toBe('code')
  expect(domain('here', 'src/readme.md')).toBe('prose')
  expect(domain('data/gsm8k', 'test.jsonl')).toBe('mathematics')
  expect(domain('data/mt-bench', 'questions.jsonl')).toBe('dialogue')
  expect(domain('data/code-chats', 'x.txt')).toBe('code')
  expect(domain('rows', 'rows.jsonl', false)).toBe('dialogue')
  expect(domain('/home/maths/books', 'alice.txt')).toBe('prose')
  expect(domain('here', 'bench/afterimages.md')).toBe('prose')
})
