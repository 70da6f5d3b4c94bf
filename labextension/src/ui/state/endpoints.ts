/** Which endpoints there are, and which there were: one that is lost stays in sight until it is back or dismissed. */

import type { Channel } from '../channel/channel.js';
import type { EndpointInfo, PluginInfo } from '../wire/types.js';
import { oneForChannel } from './shared.js';
import { Value } from '../value.js';

export interface Endpoint {
  name: string;
  /** `gone`: the bridge no longer knows it. */
  state: 'present' | 'suspect' | 'lost' | 'gone';
  /** Milliseconds since the epoch: when it came, or when it went. */
  since: number;
  /** Milliseconds; null: not measured yet. */
  roundTrip: number | null;
  user: string;
  owner: string;
  hostname: string;
  role: string;
  scheduler: string;
  jobId: string;
  plugins: ReadonlyMap<string, PluginInfo>;
  /** Name of the endpoint that it was launched from, where that shows in its name. */
  parent: string;
}

/** Endpoints that have gone and are kept in sight; of more, those that went first are forgotten. */
const GONE_KEPT = 100;

export class Endpoints {
  readonly all = new Value<ReadonlyMap<string, Endpoint>>(new Map());

  constructor(channel: Channel) {
    channel.topology.watch(now => this.see(now));
    this.see(channel.topology.value);
  }

  dismiss(name: string): void {
    const next = new Map(this.all.value);
    if (next.get(name)?.state === 'gone') {
      next.delete(name);
      this.all.set(next);
    }
  }

  /** The endpoint's first plugin of a kind that can be called, whatever its instance is called. */
  plugin(endpoint: string, type: string): string | undefined {
    for (const [name, info] of this.all.value.get(endpoint)?.plugins ?? []) {
      if (info.type === type && info.enabled !== false) {
        return name;
      }
    }
    return undefined;
  }

  /** All plugins of a kind that can be called now. */
  withPlugin(type: string): { endpoint: string; plugin: string }[] {
    const found = [];
    for (const one of this.all.value.values()) {
      for (const [plugin, info] of one.plugins) {
        if (one.state !== 'gone' && info.type === type && info.enabled !== false) {
          found.push({ endpoint: one.name, plugin });
        }
      }
    }
    return found;
  }

  private see(topology: ReadonlyMap<string, EndpointInfo>): void {
    const next = new Map<string, Endpoint>();
    const all = new Map<string, unknown>([...this.all.value, ...topology]); // the lost ones are parents, too
    for (const [name, info] of topology) {
      next.set(name, endpointOf(name, info, all));
    }
    const gone = [...this.all.value.values()]
      .filter(before => !topology.has(before.name))
      .map(before =>
        before.state === 'gone' ? before : { ...before, state: 'gone' as const, since: Date.now() },
      );
    // Those that have just gone come first, since they were among those that are there.
    for (const one of gone.slice(0, GONE_KEPT)) {
      next.set(one.name, one);
    }
    this.all.set(next);
  }
}

function endpointOf(name: string, info: EndpointInfo, all: ReadonlyMap<string, unknown>): Endpoint {
  const facts = info.endpoint;
  const text = (key: string) => (facts[key] === null || facts[key] === undefined ? '' : String(facts[key]));
  const state = text('state');
  const trip: unknown = facts['round_trip'];
  return {
    name,
    state: state === 'suspect' || state === 'lost' ? state : 'present',
    since: Number(facts['since'] ?? 0) * 1000,
    roundTrip: typeof trip === 'number' ? trip * 1000 : null,
    user: text('user'),
    owner: text('owner'),
    hostname: text('hostname'),
    role: text('role'),
    scheduler: text('scheduler'),
    jobId: text('job_id'),
    plugins: new Map(Object.entries(info.plugins)),
    parent: parentOf(name, all),
  };
}

/** `hpc1.2` was launched from `hpc1`, as radical.orbit names them. */
function parentOf(name: string, all: ReadonlyMap<string, unknown>): string {
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    if (all.has(name.slice(0, dot))) {
      return name.slice(0, dot);
    }
  }
  return '';
}

/** Return what all views of a page share. */
export const endpointsOf = oneForChannel(channel => new Endpoints(channel));
