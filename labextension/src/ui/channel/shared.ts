/** The one connection that all of Orbit on a page shares, whoever asks for it first: Lab's extension, or a cell. */

import type { Channel } from './channel.js';
import { DirectChannel } from './direct.js';

const KEY = Symbol.for('orbit-jupyter.channel');

/** Return the page's channel to the bridge that answers at `base`, such as `/orbit/`. It stays for good. */
export function sharedChannel(base: string): Channel {
  const page = globalThis as { [KEY]?: Channel };
  return (page[KEY] ??= new DirectChannel(base));
}
