// The words that needles are made of: names and what they stand for.
//
// Names are asked about and values are the answers; the two lists share no word. Of each list those come first that
// the tokenizer writes in the fewest tokens, so that a small model has little to spell.
import { dataError } from '../errors.ts'
import type { TextTokenizer } from '../textTokenizer.ts'

const nameWords =
  'apple arrow bank bear bell bird board boat book bottle bridge brother building bus camera car card castle ' +
  'cat chair child church city clock coast coffee country crown dog door dream driver engine farm father field ' +
  'fish flower forest friend garden girl glass hand harbor head horse hotel house island king lake leader ' +
  'letter machine market master moon mother mountain museum music north ocean office palace paper park party ' +
  'people picture plane plant police president queen ring river road rock room school sea ship shop singer ' +
  'sister snow soldier south star station stone storm story street summer sun table teacher temple tower train ' +
  'tree uncle valley village wall watch west wind window winter wolf woman world writer address agent array ' +
  'band bar block body browser buffer cache channel class client clone column command compiler container cursor ' +
  'device directory document domain element event factory family feature file filter frame function graph group ' +
  'guide handler host image index instance item iterator key label layer library loader loop map mask matrix ' +
  'member memory message method module mouse network node object operator package page pair parser path pipe ' +
  'plugin pool port product program project proxy queue reader record region report request router row rule ' +
  'sample schema script section segment selector server service session shell signal socket source stack store ' +
  'stream string target task template test text theme thread tile timer token tool tuple user variable vector ' +
  'visitor web widget worker'

const valueWords =
  'act air animal area arm art base battle black blood blue bone bread brown call center change circle cloud ' +
  'code color copy corner cost cross day death deep east edge face fall fire foot force form free front game ' +
  'gift gold green heart heat hill home hope hour ice iron joy kind land law left level life light line list ' +
  'long love mark metal milk mind model money month morning mouth name night note number oil order orange pain ' +
  'part peace place point power price purple race rain red right root salt sand sense set shape side sign ' +
  'silver size skin sleep smile smoke song sound space speed spring square state steel step strong sugar symbol ' +
  'team time top truth type unit value voice war water week white wood word work year yellow young zero access ' +
  'action alias amount attribute axis batch binary bit bound build bundle byte case check chunk comment ' +
  'condition constant content context core data date debug default depth digit display encoding end entry ' +
  'environment error escape expression extension factor flag format height help hook info input integer join ' +
  'language length limit load local match meta mode native null offset option origin output parent pattern ' +
  'phase plan platform position prefix process property protocol public query quote range rate reason reference ' +
  'release response result scale scope search second sequence slice sort spec start style suffix suite support ' +
  'switch system total trace transform trigger update version view warning width'

/** A word as it stands in running text: its letters, and its ids with the space before it. */
export interface NeedleWord {
  text: string
  ids: Int32Array
}

export interface NeedleWords {
  names: NeedleWord[]
  values: NeedleWord[]
}

/** Names and values that are used at most. */
const mostNames = 96
const mostValues = 96

/** The words of a tokenizer. @throws PolluxError when two words have the same ids (a tokenizer that cannot tell them apart) */
export function needleWords(tokenizer: Pick<TextTokenizer, 'encode'>): NeedleWords {
  return { names: shortest(tokenizer, nameWords, mostNames), values: shortest(tokenizer, valueWords, mostValues) }
}

function shortest(tokenizer: Pick<TextTokenizer, 'encode'>, list: string, most: number): NeedleWord[] {
  const words = list.split(' ').map((text) => ({ text, ids: Int32Array.from(tokenizer.encode(` ${text}`)) }))
  if (new Set(words.map(({ ids }) => ids.join())).size < words.length) {
    throw dataError('a tokenizer must write different words in different tokens, got one that does not')
  }
  // a stable order: the first of equal length stay first
  return words.sort((a, b) => a.ids.length - b.ids.length).slice(0, most)
}
