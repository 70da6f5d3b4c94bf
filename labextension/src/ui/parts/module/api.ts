/** What a plugin's own JavaScript is given to work with. */

import type { CallRequest, Channel } from '../../channel/channel.js';
import { asOrbitError } from '../../channel/errors.js';
import { endpointsOf } from '../../state/endpoints.js';
import { oneForChannel } from '../../state/shared.js';

export interface ModuleApi {
  readonly endpointName: string;
  readonly pluginName: string;
  readonly bridgeUrl: string;
  /** Return the id of a session, made at the first use and anew once it is gone. */
  getSession(plugin?: string, body?: unknown): Promise<string>;
  /** Call a route of the plugin; return the answer, or throw. */
  fetch(route: string, options?: ModuleRequest): Promise<unknown>;
  /** Ask the bridge for a path of its own, as `fetch` of a page does. */
  fetchRaw(path: string, options?: RequestInit): Promise<Response>;
  flash(message: string, ok?: boolean): void;
  escHtml(value: unknown): string;
  showOverlay(title: string, content: string): void;
  /** Have the tree show a task under its plugin, in the state that events tell. */
  registerTask(plugin: string, id: unknown, label: unknown): void;
  getQueueData(): unknown;
  setQueueData(data: unknown): void;
  getJobAllocation(): unknown;
  setJobAllocation(data: unknown): void;
  getPluginNames(): string[];
  disconnectEndpoint(event?: Event): void;
}

export interface ModuleRequest {
  method?: string;
  /** JSON, as text or as it is. */
  body?: unknown;
  signal?: AbortSignal;
  /** Whether a failure is only thrown, and not shown besides. */
  quiet?: boolean;
}

/** What the element that holds the page does for it. */
export interface Holder {
  flash(message: string, ok: boolean): void;
  overlay(title: string, content: string): void;
  openEndpoint(): void;
  track(plugin: string, id: string, label: string): void;
}

const GONE = new Set(['session-expired', 'session-not-found']);
const shared = oneForChannel(() => new Map<string, unknown>());

export function moduleApi(channel: Channel, endpoint: string, plugin: string, holder: Holder): ModuleApi {
  const sessions = new Map<string, Promise<string>>();
  const known = shared(channel);
  const register = (name: string, body: unknown): Promise<string> => {
    const path = `/${name}/register_session`;
    const made = channel.call<{ sid: string }>({ endpoint, method: 'POST', path, body });
    return made.then(answer => answer.sid);
  };
  return {
    endpointName: endpoint,
    pluginName: plugin,
    bridgeUrl: new URL(channel.http?.base ?? '.', location.href).href.replace(/\/$/, ''),
    getSession: (name = plugin, body = {}) => {
      const session = sessions.get(name) ?? register(name, body);
      sessions.set(name, session);
      session.catch(() => sessions.delete(name)); // the next call tries again
      return session;
    },
    fetch: async (route, options = {}) => {
      const [path = '', query = ''] = route.replace(/^\/+/, '').split('?');
      const body: unknown = typeof options.body === 'string' ? JSON.parse(options.body) : options.body;
      const request: CallRequest = {
        endpoint,
        method: (options.method?.toUpperCase() ?? 'GET') as CallRequest['method'],
        path: `/${plugin}/${path}`,
        query: Object.fromEntries(new URLSearchParams(query)),
        body,
        ...(options.signal && { signal: options.signal }),
      };
      try {
        return await channel.call<unknown>(request);
      } catch (thrown) {
        const error = asOrbitError(thrown);
        if (GONE.has(error.code)) {
          sessions.clear();
        }
        if (!options.quiet) {
          holder.flash(error.message, false);
        }
        throw error;
      }
    },
    fetchRaw: (path, options = {}) => {
      const url = new URL(path.replace(/^\/+/, ''), new URL(channel.http?.base ?? '.', location.href));
      return fetch(url, { ...options, headers: { ...channel.http?.headers(), ...(options.headers as object) } });
    },
    flash: (message, ok = true) => holder.flash(message, ok),
    escHtml: value => String(value ?? '').replace(/[&<>"'`]/g, sign => `&#${sign.charCodeAt(0)};`),
    showOverlay: (title, content) => holder.overlay(title, content),
    registerTask: (name, id, label) => holder.track(name || plugin, String(id), String(label)),
    getQueueData: () => known.get(`queues ${endpoint}`),
    setQueueData: data => void known.set(`queues ${endpoint}`, data),
    getJobAllocation: () => known.get(`allocation ${endpoint}`),
    setJobAllocation: data => void known.set(`allocation ${endpoint}`, data),
    getPluginNames: () => [...(endpointsOf(channel).all.value.get(endpoint)?.plugins.keys() ?? [])],
    disconnectEndpoint: () => holder.openEndpoint(), // where it is asked for once more
  };
}
