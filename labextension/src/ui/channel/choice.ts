/** Which channel a widget's views take: chosen once for a page and a bridge, by asking the bridge who it is. */

import type { Unwatch, Value } from '../value.js';
import type { BridgeFacts, Channel } from './channel.js';
import { CommChannel, type CommModel } from './comm.js';
import { isShared, sharedChannel } from './shared.js';

/** Milliseconds that the bridge beside this page has to say who it is. */
const PATIENCE = 6000;

const kernels = new Map<string, CommChannel>();
/** One question at a time: ten widgets of a page that appear together ask once. */
let asking: Promise<string | null> | null = null;

/** A channel, and what says that it is no longer needed. */
export interface Chosen {
  channel: Channel;
  release: Unwatch;
}

/**
 * Return the channel to a bridge.
 *
 * `base` is where a bridge answers this page, null where none does; `model` belongs to a widget whose kernel reaches
 * the bridge. With `always` the kernel is asked in any case.
 */
export async function choose(
  bridge: string,
  model: CommModel,
  base: string | null,
  always = false,
): Promise<Chosen> {
  if (!always && base !== null) {
    const own = await ownBridge(base, bridge);
    if (own) {
      return { channel: own, release: () => undefined };
    }
  }
  let channel = kernels.get(bridge);
  if (!channel) {
    kernels.set(bridge, (channel = new CommChannel()));
  }
  return { channel, release: used(bridge, channel, channel.use(model)) };
}

/** Return where the bridge of the Jupyter server answers that this page comes from; null where it comes from none. */
export function ownBase(): string | null {
  if (import.meta.url.startsWith('blob:')) {
    return null; // that server hadn't even this file
  }
  try {
    const text = document.getElementById('jupyter-config-data')?.textContent ?? '{}';
    const { baseUrl } = JSON.parse(text) as { baseUrl?: string };
    const url = baseUrl ? new URL('orbit/', new URL(baseUrl, location.origin)) : null;
    return url?.origin === location.origin ? url.pathname : null;
  } catch {
    return null;
  }
}

async function ownBridge(base: string, bridge: string): Promise<Channel | null> {
  asking ??= bridgeAt(base).finally(() => (asking = null));
  return (await asking) === bridge ? sharedChannel(base) : null;
}

/** Return which bridge answers there; null where none does. A socket would dial for ever where there is none. */
async function bridgeAt(base: string): Promise<string | null> {
  const there = isShared() || (await fetch(base).catch(() => null))?.ok;
  return there ? first(sharedChannel(base).bridge) : null;
}

function first(facts: Value<BridgeFacts | null>): Promise<string | null> {
  if (facts.value) {
    return Promise.resolve(facts.value.id);
  }
  return new Promise(resolve => {
    const end = (id: string | null) => {
      clearTimeout(timer);
      unwatch();
      resolve(id);
    };
    const timer = setTimeout(() => end(null), PATIENCE);
    const unwatch = facts.watch(now => now && end(now.id));
  });
}

function used(bridge: string, channel: CommChannel, end: Unwatch): Unwatch {
  return () => {
    end();
    if (!channel.used && kernels.get(bridge) === channel) {
      kernels.delete(bridge);
      channel.close();
    }
  };
}
