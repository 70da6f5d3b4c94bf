/** A channel without a bridge: tests answer its calls and make its events. */

import type {
  BridgeFacts,
  CallRequest,
  Channel,
  ConnectionState,
  Gap,
  HttpAccess,
  Interest,
  OrbitEvent,
} from '../src/ui/channel/channel.js';
import { OrbitError } from '../src/ui/channel/errors.js';
import { Listeners } from '../src/ui/channel/listeners.js';
import { Value, type Unwatch } from '../src/ui/value.js';
import type { EndpointInfo, PluginInfo } from '../src/ui/wire/types.js';

type Handler = (request: CallRequest, match: RegExpExecArray) => unknown;

export class FakeChannel implements Channel {
  readonly kind = 'direct';
  readonly bridge = new Value<BridgeFacts | null>({ id: 'b1', url: 'http://localhost:8888/orbit', user: 'ann' });
  readonly connection = new Value<ConnectionState>({ kind: 'connected', reason: '', since: 0 });
  readonly topology = new Value<ReadonlyMap<string, EndpointInfo>>(new Map());
  http: HttpAccess | null = null;
  readonly calls: CallRequest[] = [];
  readonly listeners = new Listeners();
  private handlers: { method: string; path: RegExp; handler: Handler }[] = [];

  constructor() {
    this.on('POST', /register_session$/, () => ({ sid: 's1' }));
  }

  /** Answer such calls; the handler that was added last is asked first. It may throw an `OrbitError`. */
  on(method: string, path: RegExp, handler: Handler): this {
    this.handlers.unshift({ method, path, handler });
    return this;
  }

  async call<T>(request: CallRequest): Promise<T> {
    this.calls.push(request);
    await Promise.resolve();
    for (const { method, path, handler } of this.handlers) {
      const match = method === request.method ? path.exec(`/${request.endpoint}${request.path}`) : null;
      if (match) {
        return (await handler(request, match)) as T;
      }
    }
    throw new OrbitError(`no route ${request.method} ${request.path}`, 'route-not-found', 404);
  }

  subscribe(interest: Interest, told: (event: OrbitEvent) => void, gap?: (gap: Gap) => void): Unwatch {
    return this.listeners.add(interest, told, gap);
  }

  /** Have an event come. */
  event(endpoint: string, plugin: string, topic: string, data: Record<string, unknown>): void {
    const head = { endpoint, plugin, topic, session: '', time: Date.now(), truncated: false };
    this.listeners.tell(head, () => data);
  }

  /** Have an endpoint be there, with its plugins by name. */
  endpoint(
    name: string,
    plugins: Record<string, Partial<PluginInfo>> = {},
    facts: Record<string, unknown> = {},
  ): this {
    const all = Object.entries(plugins).map(([plugin, info]) => [
      plugin,
      { type: plugin, namespace: `/${name}/${plugin}`, ...info },
    ]);
    const info = { endpoint: { state: 'present', since: 1, ...facts }, plugins: Object.fromEntries(all) as never };
    this.topology.set(new Map([...this.topology.value, [name, info]]));
    return this;
  }

  close(): void {
    this.handlers = [];
  }
}
