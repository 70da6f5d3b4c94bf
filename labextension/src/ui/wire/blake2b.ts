/** BLAKE2b with 64 bytes (RFC 7693), which browsers don't have: the digest by which an upload is resumed. */

const BLOCK = 128;
const IV = new Int32Array([
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a, 0xade682d1,
  0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
]);
/** Section 2.7: which word of the block each step takes; rounds 11 and 12 are the first two again. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
/** Places of the low halves of all words that the steps of all rounds take, in their order. */
const ORDER = Uint8Array.from([...SIGMA, SIGMA[0]!, SIGMA[1]!].flat(), word => 2 * word);

export class Blake2b {
  // 64-bit words as two halves, the low one first.
  private state = IV.slice();
  private v = new Int32Array(32);
  private block = new Uint8Array(BLOCK);
  private words = new Int32Array(this.block.buffer);
  private filled = 0;
  private length = 0;

  constructor() {
    this.state[0]! ^= 0x01010040; // no key, 64 bytes
  }

  update(data: Uint8Array): this {
    let at = 0;
    while (at < data.length) {
      if (this.filled === BLOCK) {
        this.length += BLOCK;
        this.compress(false); // the last block is another, so a full one waits for more
        this.filled = 0;
      }
      const piece = data.subarray(at, at + BLOCK - this.filled);
      this.block.set(piece, this.filled);
      this.filled += piece.length;
      at += piece.length;
    }
    return this;
  }

  /** Return the digest; nothing may be added after that. */
  hex(): string {
    this.length += this.filled;
    this.block.fill(0, this.filled);
    this.compress(true);
    return [...new Uint8Array(this.state.buffer)].map(byte => byte.toString(16).padStart(2, '0')).join('');
  }

  private compress(last: boolean): void {
    const { v, state, words } = this;
    v.set(state);
    v.set(IV, 16);
    v[24]! ^= this.length | 0;
    v[25]! ^= (this.length / 0x1_0000_0000) | 0;
    if (last) {
      v[28] = ~v[28]!;
      v[29] = ~v[29]!;
    }
    for (let step = 0; step < ORDER.length; step += 16) {
      mix(v, words, 0, 8, 16, 24, ORDER[step]!, ORDER[step + 1]!);
      mix(v, words, 2, 10, 18, 26, ORDER[step + 2]!, ORDER[step + 3]!);
      mix(v, words, 4, 12, 20, 28, ORDER[step + 4]!, ORDER[step + 5]!);
      mix(v, words, 6, 14, 22, 30, ORDER[step + 6]!, ORDER[step + 7]!);
      mix(v, words, 0, 10, 20, 30, ORDER[step + 8]!, ORDER[step + 9]!);
      mix(v, words, 2, 12, 22, 24, ORDER[step + 10]!, ORDER[step + 11]!);
      mix(v, words, 4, 14, 16, 26, ORDER[step + 12]!, ORDER[step + 13]!);
      mix(v, words, 6, 8, 18, 28, ORDER[step + 14]!, ORDER[step + 15]!);
    }
    for (let half = 0; half < 16; half += 1) {
      state[half]! ^= v[half]! ^ v[half + 16]!;
    }
  }
}

function mix(
  v: Int32Array,
  words: Int32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  x: number,
  y: number,
): void {
  // No array on the way: this runs a hundred times for each block.
  let al = v[a]!;
  let ah = v[a + 1]!;
  let bl = v[b]!;
  let bh = v[b + 1]!;
  let cl = v[c]!;
  let ch = v[c + 1]!;
  let dl = v[d]!;
  let dh = v[d + 1]!;
  let sum = (al >>> 0) + (bl >>> 0) + (words[x]! >>> 0);
  ah = (ah + bh + words[x + 1]! + ((sum / 0x1_0000_0000) | 0)) | 0;
  al = sum | 0;
  let low = dl ^ al;
  dl = dh ^ ah;
  dh = low;
  sum = (cl >>> 0) + (dl >>> 0);
  ch = (ch + dh + ((sum / 0x1_0000_0000) | 0)) | 0;
  cl = sum | 0;
  low = bl ^ cl;
  bh ^= ch;
  bl = (low >>> 24) | (bh << 8);
  bh = (bh >>> 24) | (low << 8);
  sum = (al >>> 0) + (bl >>> 0) + (words[y]! >>> 0);
  ah = (ah + bh + words[y + 1]! + ((sum / 0x1_0000_0000) | 0)) | 0;
  al = sum | 0;
  low = dl ^ al;
  dh ^= ah;
  dl = (low >>> 16) | (dh << 16);
  dh = (dh >>> 16) | (low << 16);
  sum = (cl >>> 0) + (dl >>> 0);
  ch = (ch + dh + ((sum / 0x1_0000_0000) | 0)) | 0;
  cl = sum | 0;
  low = bl ^ cl;
  bh ^= ch;
  bl = (low << 1) | (bh >>> 31);
  bh = (bh << 1) | (low >>> 31);
  v[a] = al;
  v[a + 1] = ah;
  v[b] = bl;
  v[b + 1] = bh;
  v[c] = cl;
  v[c + 1] = ch;
  v[d] = dl;
  v[d + 1] = dh;
}
