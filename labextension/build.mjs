/** Bundles the renderer: one module for cells and the same as the Explorer page's. */

import { build } from 'esbuild';

const out = '../orbit_jupyter_widgets/static';

await build({
  entryPoints: { 'orbit-ui': 'src/ui/index.ts', explorer: 'src/ui/page.ts', 'explorer-style': 'src/ui/page.css' },
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2021',
  minify: true,
  legalComments: 'linked',
  outdir: out,
  chunkNames: 'orbit-[hash]',
});
