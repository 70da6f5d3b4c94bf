/** The licences of the packages that a bundle has in it, for the file beside it. */

import { readdir, readFile } from 'node:fs/promises';

/** Return them, with the name of each package, from what esbuild says of its inputs. */
export async function licenses(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(input);
    if (found) {
      folders.add(found[0]);
    }
  }
  const texts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
    const file = (await readdir(folder)).find(one => /^licen[cs]e/i.test(one));
    const text = file ? await readFile(`${folder}/${file}`, 'utf8') : `License: ${license}\n`;
    texts.push(`${name} ${version}\n${'='.repeat(60)}\n${text.trim()}\n`);
  }
  return texts.join('\n\n');
}
