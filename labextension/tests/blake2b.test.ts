import { expect, test } from 'vitest';

import { Blake2b } from '../src/ui/wire/blake2b.js';

/** Lengths, and how the digest begins that Python's `hashlib.blake2b` has for them. */
const KNOWN: [number, string][] = [
  [0, '786a02f742015903c6c6fd852552d272'],
  [1, '2fa3f686df876995167e7c2e5d74c4c7'],
  [127, 'e60bfcff1ac377681bf245916f620038'],
  [128, 'b200b10590bcb8325c2824768a628719'],
  [129, 'b6a6818f02b861a0a63492e6b2afbded'],
  [256, '537a9bbfd1dfda6f939e3285bf6485c8'],
  [257, 'dd42b643f9d452be6ecc85ca1315c1ec'],
  [3000, 'e7407597fbc83ef97bd8cf28d5a561ba'],
];

test('digests are those of b2sum, whatever the length and the pieces', () => {
  const data = Uint8Array.from({ length: 3000 }, (_, place) => (place * 167 + (place >> 3)) & 255);
  for (const [length, wanted] of KNOWN) {
    const content = data.subarray(0, length);
    const digest = new Blake2b().update(content).hex();
    expect(digest).toHaveLength(128);
    expect(digest.slice(0, 32)).toBe(wanted);
    const split = Math.floor(length / 3);
    const pieces = new Blake2b().update(content.subarray(0, split)).update(content.subarray(split));
    expect(pieces.hex()).toBe(digest);
  }
});
