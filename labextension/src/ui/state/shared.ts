/** What all views of a page share: one of each for a channel, made at its first use. */

import type { Channel } from '../channel/channel.js';

/** Return a function that has one of a kind for each channel. */
export function oneForChannel<T>(make: (channel: Channel) => T): (channel: Channel) => T {
  const known = new WeakMap<Channel, { made: T }>();
  return channel => {
    let mine = known.get(channel);
    if (!mine) {
      known.set(channel, (mine = { made: make(channel) }));
    }
    return mine.made;
  };
}

/** Return a function that has one of a kind for each plugin on an endpoint. */
export function oneForPlugin<T>(
  make: (channel: Channel, endpoint: string, plugin: string) => T,
): (channel: Channel, endpoint: string, plugin: string) => T {
  const all = oneForChannel(() => new Map<string, T>());
  return (channel, endpoint, plugin) => {
    const mine = all(channel);
    const name = `${endpoint}/${plugin}`;
    let one = mine.get(name);
    if (one === undefined) {
      mine.set(name, (one = make(channel, endpoint, plugin)));
    }
    return one;
  };
}
