/** When the allocations end that endpoints run in, as far as their batch systems say it. */

import type { Channel } from '../channel/channel.js';
import type { QueueAllocationEntry, QueueJobAllocation } from '../wire/types.js';
import { endpointsOf, type Endpoint } from './endpoints.js';
import { pluginOn } from './plugin.js';
import { oneForChannel } from './shared.js';
import { Value } from '../value.js';

/** Milliseconds after which what couldn't be had is asked for again. */
const AGAIN = 60_000;

export class Allocations {
  /** By endpoint and job; null: asked, and not known. */
  readonly known = new Value<ReadonlyMap<string, QueueAllocationEntry | null>>(new Map());
  /** When each was asked for, in milliseconds since the epoch; none once it is known. */
  private asked = new Map<string, number>();

  constructor(private channel: Channel) {}

  /** Return the allocation of an endpoint; what isn't known yet is asked for, once. */
  of(one: Endpoint): QueueAllocationEntry | null {
    const key = `${one.name} ${one.jobId}`;
    const plugin = endpointsOf(this.channel).plugin(one.name, 'queue_info');
    const due = !this.known.value.has(key) && Date.now() - (this.asked.get(key) ?? 0) > AGAIN;
    if (one.jobId && plugin && one.state === 'present' && due) {
      this.asked.set(key, Date.now());
      void this.ask(key, one.name, plugin);
    }
    return this.known.value.get(key) ?? null;
  }

  private async ask(key: string, endpoint: string, plugin: string): Promise<void> {
    try {
      const access = pluginOn(this.channel, endpoint, plugin);
      const { allocation } = await access.get<QueueJobAllocation>('job_allocation');
      this.known.set(new Map(this.known.value).set(key, allocation));
    } catch {
      // Whoever looks in a minute asks again. It is a part of one line, so nobody is told.
    }
  }
}

/** Return what all views of a page share. */
export const allocationsOf = oneForChannel(channel => new Allocations(channel));
