/** Bundles the renderer: one module for cells and the same as the Explorer page's. `--clean`: older files go. */

import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';

import { build } from 'esbuild';

import { licenses } from './licenses.mjs';

const out = '../orbit_jupyter_widgets/static';
const LICENSES = 'third-party-licenses.txt';

const { metafile } = await build({
  entryPoints: { 'orbit-ui': 'src/ui/index.ts', explorer: 'src/ui/page.ts', 'explorer-style': 'src/ui/page.css' },
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2021',
  minify: true,
  legalComments: 'none',
  metafile: true,
  outdir: out,
  chunkNames: 'orbit-[hash]',
});
await writeFile(`${out}/${LICENSES}`, await licenses(metafile));

if (process.argv.includes('--clean')) {
  const made = new Set([LICENSES, ...Object.keys(metafile.outputs).map(one => basename(one))]);
  const old = (await readdir(out)).filter(one => !made.has(one));
  await Promise.all(old.map(one => rm(`${out}/${one}`)));
}
