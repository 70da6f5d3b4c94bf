/** The latest notifications of all endpoints, kept from the moment that the page is open. */

import type { Channel, Gap, OrbitEvent } from '../channel/channel.js';
import { oneForChannel } from './shared.js';
import { Value } from '../value.js';

export interface LogLine {
  /** Counts up. */
  id: number;
  /** `gap`: events were missed; `bridge`: the connection has changed. */
  kind: 'event' | 'gap' | 'bridge';
  /** Milliseconds since the epoch. */
  time: number;
  endpoint: string;
  plugin: string;
  topic: string;
  /** Cut where it is long: a line is to be read, and two thousand are kept. */
  data: unknown;
  /** What a gap or the bridge has to say. */
  text: string;
}

/** Lines that are kept: of topics that tell now and then, and of those that tell all the time. */
export const KEPT = 2000;
const KEPT_BUSY = 500;
/** Signs of one event's data that are kept. */
const LONG = 8_000;

const BUSY = new Set(['metrics', 'job_output']);

/** Whether a topic tells all the time, so that it would drive all others out. */
export function isBusy(topic: string): boolean {
  return BUSY.has(topic);
}

export class Log {
  /** Counts changes. */
  readonly changed = new Value(0);

  private quiet: LogLine[] = [];
  private busy: LogLine[] = [];
  private last = 0;
  private begun = false;

  constructor(private channel: Channel) {}

  /** Collect from now on, until the channel is closed. */
  begin(): this {
    if (!this.begun) {
      this.begun = true;
      let kind = this.channel.connection.value.kind;
      this.channel.subscribe(
        {},
        event => this.happened(event),
        gap => this.missed(gap),
      );
      this.channel.connection.watch(now => {
        if (now.kind !== kind && (kind === 'connected' || now.kind === 'connected')) {
          const text = now.kind === 'connected' ? 'connected to the bridge' : now.reason || 'the bridge is away';
          this.add({ kind: 'bridge', time: now.since, endpoint: '', plugin: '', topic: '', data: null, text });
        }
        kind = now.kind;
      });
    }
    return this;
  }

  /** All lines, the oldest first; those of busy topics only where they are wanted. */
  lines(withBusy: boolean): readonly LogLine[] {
    const quiet = this.quiet.slice(-KEPT);
    return withBusy ? merged(quiet, this.busy.slice(-KEPT_BUSY)) : quiet;
  }

  clear(): void {
    this.quiet = [];
    this.busy = [];
    this.changed.set(this.changed.value + 1);
  }

  private happened(event: OrbitEvent): void {
    const { endpoint, plugin, topic, time, data } = event;
    const left = { signs: LONG };
    const kept = clipped(data, left, 0);
    this.add({ kind: 'event', time: time || Date.now(), endpoint, plugin, topic, data: kept, text: '' });
  }

  private missed({ endpoint, missed, time }: Gap): void {
    const events =
      missed === null ? 'some events' : missed === 1 ? '1 event' : `${missed.toLocaleString()} events`;
    const text = `${events} missed${endpoint ? ` from ${endpoint}` : ''}; states were read again`;
    this.add({ kind: 'gap', time, endpoint, plugin: '', topic: '', data: null, text });
  }

  private add(line: Omit<LogLine, 'id'>): void {
    const [ring, most] = isBusy(line.topic) ? [this.busy, KEPT_BUSY] : [this.quiet, KEPT];
    ring.push({ ...line, id: ++this.last });
    if (ring.length > 2 * most) {
      ring.splice(0, ring.length - most); // now and then, since each time all others move
    }
    this.changed.set(this.changed.value + 1);
  }
}

function merged(one: readonly LogLine[], other: readonly LogLine[]): LogLine[] {
  return [...one, ...other].sort((first, second) => first.id - second.id);
}

/** Return a copy without what is too long, so that a hostile endpoint doesn't fill the page's memory. */
function clipped(value: unknown, left: { signs: number }, depth: number): unknown {
  if (left.signs <= 0) {
    return '…';
  }
  if (typeof value === 'string') {
    const most = left.signs;
    left.signs -= value.length + 2;
    return value.length > most ? `${value.slice(0, most)}…` : value;
  }
  left.signs -= 6;
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (depth > 12) {
    return '…';
  }
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    for (const item of value) {
      copy.push(clipped(item, left, depth + 1));
      if (left.signs <= 0) {
        break;
      }
    }
    return copy;
  }
  const copy: [string, unknown][] = [];
  for (const [name, item] of Object.entries(value)) {
    copy.push([name.slice(0, 200), clipped(item, left, depth + 1)]);
    if (left.signs <= 0) {
      copy.push(['…', '…']);
      break;
    }
  }
  return Object.fromEntries(copy);
}

/** Return an event's data on one line: what matters of it first. */
export function summary(data: unknown): string {
  if (typeof data !== 'object' || data === null) {
    return data === null || data === undefined ? '' : String(data);
  }
  const entries = Object.entries(data as Record<string, unknown>);
  entries.sort(([one], [other]) => rank(one) - rank(other));
  const parts: string[] = [];
  let length = 0;
  for (const [name, value] of entries) {
    if (value === null || value === '' || length > 240) {
      continue;
    }
    const said = typeof value === 'object' ? nested(value) : String(value);
    const part = FIRST.includes(name) && name === 'state' ? said : `${name} ${said}`;
    parts.push(part.length > 100 ? `${part.slice(0, 100)}…` : part);
    length += part.length;
  }
  return parts.join(' · ').replace(/\s+/g, ' ');
}

const FIRST = ['state', 'native_id', 'name', 'path', 'exit_code', 'message'];

function rank(name: string): number {
  const place = FIRST.indexOf(name);
  return place < 0 ? FIRST.length : place;
}

function nested(value: object): string {
  return Array.isArray(value) ? `[${value.length}]` : '{…}';
}

/** Return the one log of a page. */
export const logOf = oneForChannel(channel => new Log(channel));
