// Thoughts that travel with the client: it gives back a seal, and the server reads in it what the model thought.
//
// A client keeps no more than an opaque string, and the server keeps nothing. The text is compressed and encrypted with
// AES-256-GCM; the nonce is an HMAC of the text, so the same thoughts have the same seal and no nonce serves two texts
// (as in SIV, Rogaway and Shrimpton 2006).
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

const [nonceBytes, tagBytes] = [12, 16]
/** Longest thoughts that are unpacked, bytes. */
const most = 8 * 2 ** 20

export class ThoughtSeal {
  readonly #key: Buffer
  readonly #nonceKey: Buffer

  /** @param secret of the server; default: drawn, and seals end with the process */
  constructor(secret: Uint8Array = randomBytes(32)) {
    const derived = (use: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', use, 32))
    this.#key = derived('pollux thoughts')
    this.#nonceKey = derived('pollux nonces')
  }

  /** Base64. */
  close(text: string): string {
    const packed = deflateRawSync(Buffer.from(text))
    const nonce = createHmac('sha256', this.#nonceKey).update(packed).digest().subarray(0, nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const body = Buffer.concat([cipher.update(packed), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
  }

  /** The thoughts behind a seal; undefined for one that is not ours. */
  open(seal: string): string | undefined {
    const bytes = Buffer.from(seal, 'base64')
    if (bytes.length <= nonceBytes + tagBytes) return undefined
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, nonceBytes))
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      const packed = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()])
      return inflateRawSync(packed, { maxOutputLength: most }).toString()
    } catch {
      return undefined
    }
  }
}
