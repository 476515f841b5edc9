// How experts and tokens are shown.

/** A colour of its own for each expert, on which ink can be read in both themes. */
export function expertColour(expert: number): string {
  const hue = (expert * 137.508 + 20) % 360
  const lift = (expert % 3) * 0.03
  return `light-dark(oklch(${0.86 + lift} 0.085 ${hue}), oklch(${0.4 + lift} 0.085 ${hue}))`
}

/** A token's text, its blanks made visible. */
export function tokenName(text: string): string {
  return text === '' ? 'no text' : text.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥')
}
