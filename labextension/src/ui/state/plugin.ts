/** A plugin on an endpoint, with a session that is made when it is first needed and renewed when it is gone. */

import type { Channel } from '../channel/channel.js';
import { asOrbitError } from '../channel/errors.js';
import { oneForPlugin } from './shared.js';

export interface PluginCall {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  seconds?: number;
  key?: string;
  resend?: boolean;
  signal?: AbortSignal;
}

const RENEWED = new Set(['session-expired', 'session-not-found']);

export class PluginAccess {
  private session: Promise<string> | null = null;

  constructor(
    readonly channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {}

  get<T>(route: string, more: PluginCall = {}): Promise<T> {
    return this.call<T>('GET', route, more);
  }

  post<T>(route: string, body?: unknown, more: PluginCall = {}): Promise<T> {
    return this.call<T>('POST', route, { ...more, body });
  }

  /** Call a route; `{sid}` in it stands for the session. */
  async call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', route: string, more: PluginCall = {}): Promise<T> {
    const path = `/${this.plugin}/${route.replace(/^\/+/, '')}`;
    const request = { endpoint: this.endpoint, method, ...more };
    if (!path.includes('{sid}')) {
      return this.channel.call<T>({ ...request, path });
    }
    const session = (this.session ??= this.register());
    try {
      return await this.channel.call<T>({ ...request, path: path.replace('{sid}', await session) });
    } catch (error) {
      if (!RENEWED.has(asOrbitError(error).code)) {
        throw error;
      }
      // The handler hasn't run, so nothing happens twice. Several calls that find it gone make one new session.
      if (this.session === session) {
        this.session = this.register();
      }
      return this.channel.call<T>({ ...request, path: path.replace('{sid}', await this.session) });
    }
  }

  private register(): Promise<string> {
    const path = `/${this.plugin}/register_session`;
    const made = this.channel
      .call<{ sid: string }>({ endpoint: this.endpoint, method: 'POST', path, body: {} })
      .then(answer => answer.sid);
    made.catch(() => {
      if (this.session === made) {
        this.session = null; // the next call tries again
      }
    });
    return made;
  }
}

/** Return the one access to a plugin that all views of a page share. */
export const pluginOn = oneForPlugin((channel, endpoint, plugin) => new PluginAccess(channel, endpoint, plugin));
