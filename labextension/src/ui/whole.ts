/** A view that says less than all, as `jobs()` in a cell: which endpoint and plugin it is about. */

import type { Channel } from './channel/channel.js';
import { endpointsOf } from './state/endpoints.js';
import type { View } from './wire/types.js';

/** Types of the plugins that views need. */
const TYPES: Partial<Record<View['view'], string>> = {
  jobs: 'psij',
  job: 'psij',
  monitor: 'sysinfo',
  queues: 'queue_info',
  files: 'staging',
};

/** Name what isn't named: `local`, else the first endpoint with such a plugin, and its first plugin of that type. */
export function whole(view: View, channel: Channel): View {
  const type = TYPES[view.view];
  if (!type || (view.endpoint && view.plugin)) {
    return view;
  }
  const all = endpointsOf(channel);
  const there = all.withPlugin(type);
  const endpoint = view.endpoint || (there.find(one => one.endpoint === 'local') ?? there[0])?.endpoint || '';
  const plugin = view.plugin || all.plugin(endpoint, type) || type;
  return { ...view, endpoint, plugin };
}

/** Say what a view waits for; empty where it waits for nothing. */
export function lacking(view: View, channel: Channel): string {
  const type = TYPES[view.view];
  return type && !whole(view, channel).endpoint
    ? `No endpoint has the plugin ${type} yet. This appears here by itself when one has.`
    : '';
}
