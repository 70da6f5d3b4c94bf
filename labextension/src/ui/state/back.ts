/** When to read anew what has changed while nobody told: the bridge or the endpoint was away. */

import type { Channel } from '../channel/channel.js';
import type { EndpointInfo } from '../wire/types.js';
import type { Unwatch } from '../value.js';

/** Call `back` each time the bridge is connected again, or the endpoint is there again. */
export function whenBack(channel: Channel, endpoint: string, back: () => void): Unwatch {
  let connected = channel.connection.value.kind === 'connected';
  let life = lifeOf(channel.topology.value.get(endpoint));
  const endings = [
    channel.connection.watch(now => {
      const before = connected;
      connected = now.kind === 'connected';
      if (connected && !before) {
        back();
      }
    }),
    channel.topology.watch(all => {
      const before = life;
      life = lifeOf(all.get(endpoint));
      if (life && life !== before) {
        back();
      }
    }),
  ];
  return () => endings.forEach(end => end());
}

/** Return what is another once it has been away; empty while it is. */
function lifeOf(info: EndpointInfo | undefined): string {
  const { state, since } = info?.endpoint ?? {};
  return info && state !== 'lost' && state !== 'suspect' ? `present ${String(since)}` : '';
}
