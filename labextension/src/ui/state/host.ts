/** What a host is and how busy, as its `sysinfo` tells: one subscription for all views of a page. */

import type { Channel, OrbitEvent } from '../channel/channel.js';
import { asOrbitError, type OrbitError } from '../channel/errors.js';
import type { SysColumns, SysHostRole, SysMetrics } from '../wire/types.js';
import { whenBack } from './back.js';
import { Reading, Users } from './followed.js';
import { pluginOn, type PluginAccess } from './plugin.js';
import { fromHistory, merged, NONE, Sampler, withSample, type Sample, type Samples } from './samples.js';
import { oneForPlugin } from './shared.js';
import { Value, type Unwatch } from '../value.js';

/** Seconds from one event to the next. */
export const INTERVAL = 5;

/** Milliseconds without an event after which we subscribe anew: the session may have expired. */
const SILENT = 6 * INTERVAL * 1000;

/** Never changed in place: a view that has paused keeps one. */
export interface HostState {
  metrics: SysMetrics | null;
  role: SysHostRole | null;
  samples: Samples;
  /** Bytes a second by interface. */
  rates: ReadonlyMap<string, { received: number; sent: number }>;
  error: OrbitError | null;
  /** When the last event came, in milliseconds since the epoch; 0: none yet. */
  heard: number;
}

const EMPTY: HostState = { metrics: null, role: null, samples: NONE, rates: new Map(), error: null, heard: 0 };

export class Host {
  readonly state = new Value<HostState>(EMPTY);

  private readonly access: PluginAccess;
  private sampler = new Sampler();
  private users = new Users(() => this.begin());
  private reading = new Reading(
    () => this.readAll(),
    () => this.users.any && void this.reload(),
  );
  /** Samples that come while the history is read; null: nothing is read. */
  private late: Sample[] | null = null;
  private whole = false;
  private asked = 0;
  /** Subscribing and its end happen one after the other, whoever comes and goes. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {
    this.access = pluginOn(channel, endpoint, plugin);
  }

  /** Keep it up to date until the function returned is called. */
  use(): Unwatch {
    return this.users.use();
  }

  /** Subscribe, and read what has been, anew. */
  reload(): Promise<void> {
    this.asked = Date.now();
    return this.reading.ask();
  }

  private begin(): Unwatch[] {
    const reload = () => void this.reload();
    const clock = setInterval(() => {
      if (this.here() && Date.now() - Math.max(this.state.value.heard, this.asked) > SILENT) {
        reload();
      }
    }, INTERVAL * 1000);
    const endings = [
      this.channel.subscribe(
        { endpoint: this.endpoint, plugin: this.plugin, topic: 'metrics' },
        event => this.happened(event),
        reload,
      ),
      whenBack(this.channel, this.endpoint, reload),
      () => clearInterval(clock),
      () => (this.turn = this.turn.then(() => this.unsubscribe())),
    ];
    reload();
    return endings;
  }

  /** Whether it can be asked now. */
  private here(): boolean {
    return this.channel.connection.value.kind === 'connected' && this.channel.topology.value.has(this.endpoint);
  }

  private async readAll(): Promise<void> {
    this.late = [];
    await (this.turn = this.turn.then(() => this.read()));
    this.late = null;
  }

  private async read(): Promise<void> {
    try {
      await this.access.post('subscribe/{sid}', { interval: INTERVAL });
      const history = await this.access.get<SysColumns>('history/{sid}');
      const late = this.late ?? [];
      const samples = late.reduce(withSample, fromHistory(history));
      this.change({ samples, error: null });
      const role = await this.access.get<SysHostRole>('host_role');
      this.change({ role });
    } catch (error) {
      this.change({ error: asOrbitError(error) });
    }
  }

  private async unsubscribe(): Promise<void> {
    if (this.users.any || !this.here()) {
      return; // somebody has come again; or there is nobody to tell, and it has ended with the session
    }
    // What can't be told ends by itself: nobody listens then, or the session expires.
    await this.access.post('unsubscribe/{sid}', undefined, { seconds: INTERVAL }).catch(() => undefined);
  }

  private happened(event: OrbitEvent): void {
    const { time, metrics, partial } = event.data as { time?: number; metrics?: SysMetrics; partial?: boolean };
    if (typeof time !== 'number' || typeof metrics !== 'object' || metrics === null) {
      return; // cut off on its way: the next one comes soon
    }
    const all = merged(partial ? this.state.value.metrics : null, metrics);
    const sample = this.sampler.take(time, all);
    this.late?.push(sample);
    this.change({
      metrics: all,
      samples: withSample(this.state.value.samples, sample),
      rates: new Map(this.sampler.rates),
      heard: Date.now(),
    });
    if (partial && !this.whole) {
      this.whole = true;
      void this.readWhole();
    }
  }

  /** Read what an event is too small for: what doesn't change is asked for once. */
  private async readWhole(): Promise<void> {
    try {
      const all = await this.access.get<SysMetrics>('metrics/{sid}');
      this.change({ metrics: merged(null, all) });
    } catch (error) {
      this.whole = false;
      this.change({ error: asOrbitError(error) });
    }
  }

  private change(news: Partial<HostState>): void {
    this.state.set({ ...this.state.value, ...news });
  }
}

/** Return the one state that all views of a page share. */
export const hostOf = oneForPlugin((channel, endpoint, plugin) => new Host(channel, endpoint, plugin));
