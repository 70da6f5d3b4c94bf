/**
 * The JavaScript of a plugin's own: a page that the packages beside the bridge bring along, never an endpoint.
 *
 * `name`, `notificationConfig`, `template()`, `css()`, `init(page, api)`, `onShow(page, api)`, `onNotification(event, page, api)`, as in
 * radical.orbit 0.2.0; all are optional.
 */

import type { Channel, HttpAccess } from '../../channel/channel.js';
import { asOrbitError } from '../../channel/errors.js';
import type { ModuleApi } from './api.js';

export interface PluginModule {
  name?: string;
  /** Which events tell of tasks that `registerTask` has named; what isn't said is any topic, and `uid`. */
  notificationConfig?: { topic?: string; idField?: string };
  template?(): string;
  css?(): string;
  init?(page: HTMLElement, api: ModuleApi): unknown;
  onShow?(page: HTMLElement, api: ModuleApi): unknown;
  onNotification?(event: Notification, page: HTMLElement, api: ModuleApi): unknown;
}

export interface Notification {
  endpoint: string;
  plugin: string;
  topic: string;
  data: Record<string, unknown>;
}

/** As the bridge has it. */
const NAME = /^[a-z_][a-z_0-9.]*$/;

/** Return the module of a type of plugin, or null where the bridge has none. */
export async function moduleOf(channel: Channel, type: string): Promise<PluginModule | null> {
  if (!channel.http || !NAME.test(type) || !(await isThere(channel, type))) {
    return null;
  }
  const url = addressOf(channel.http, type);
  return (await import(/* webpackIgnore: true */ url)) as PluginModule;
}

export function addressOf(http: HttpAccess, type: string): string {
  return new URL(`${http.base}plugins/${type}.js`, location.href).href;
}

/** Ask over the socket, where a 404 is no error on the page's console. */
async function isThere(channel: Channel, type: string): Promise<boolean> {
  try {
    await channel.call({ endpoint: '', method: 'GET', path: `/plugins/${type}.js` });
    return true;
  } catch (thrown) {
    const error = asOrbitError(thrown);
    if (error.status === 404) {
      return false;
    }
    if (error.status === 200) {
      return true; // it came, and isn't JSON
    }
    throw error;
  }
}
