/** The one connection that all of Orbit on a page shares, whoever asks for it first: Lab's extension, or a cell. */

import type { Channel } from './channel.js';
import { DirectChannel } from './direct.js';

const KEY = Symbol.for('orbit-jupyter.channel');
const page = globalThis as { [KEY]?: Channel };

/** Return the page's channel to the bridge that answers at `base`, such as `/orbit/`. It stays for good. */
export function sharedChannel(base: string): Channel {
  return (page[KEY] ??= new DirectChannel(base));
}

/** Whether the page has one already. */
export function isShared(): boolean {
  return page[KEY] !== undefined;
}
