/** Which view a plugin's page is, and what views are called. */

import type { View } from './wire/types.js';

/** Plugins that have a page of their own here; the others are drawn from their `ui_config`. */
const OWN: Record<string, View['view']> = {
  join: 'join',
  psij: 'jobs',
  queue_info: 'queues',
  staging: 'files',
  sysinfo: 'monitor',
};

/** Return the view that a plugin's page is. */
export function pageOf(endpoint: string, plugin: string, type: string): View {
  return { view: OWN[type] ?? 'plugin', endpoint, plugin };
}

export function titleOf(view: View): string {
  const where = view.endpoint ? ` · ${view.endpoint}` : '';
  switch (view.view) {
    case 'explorer':
      return 'Orbit';
    case 'endpoint':
      return view.endpoint ?? 'Endpoint';
    case 'plugin':
      return `${view.plugin}${where}`;
    case 'jobs':
      return `Jobs${where}`;
    case 'job':
      return `Job ${view.job}${where}`;
    case 'monitor':
      return `System${where}`;
    case 'queues':
      return `Queues${where}`;
    case 'files':
      return `Files${where}`;
    case 'map':
      return 'Map of endpoints';
    case 'log':
      return 'Log';
    case 'join':
      return 'Join a cluster';
    case 'launch':
      return `Launch an endpoint${where}`;
  }
}
