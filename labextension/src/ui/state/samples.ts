/** The last minutes of a host, column by column: read from its history, then added to as events come. No I/O. */

import type { SysColumns, SysInterface, SysMetrics } from '../wire/types.js';

/** Seconds that are kept. */
export const SPAN = 600;

/** Seconds that a clock may step back before what was kept counts as another time's. */
const STEP = 60;

export interface Samples {
  /** Seconds since the epoch, the oldest first. */
  readonly times: readonly number[];
  /** As long as the times; null: not known. */
  readonly columns: ReadonlyMap<string, readonly (number | null)[]>;
}

export const NONE: Samples = { times: [], columns: new Map() };

export interface Sample {
  time: number;
  values: ReadonlyMap<string, number | null>;
}

export function fromHistory({ columns }: SysColumns): Samples {
  const { time = [], ...rest } = columns;
  return { times: time.map(Number), columns: new Map(Object.entries(rest)) };
}

/** Return the samples with one more, without those that are too old. */
export function withSample(samples: Samples, { time, values }: Sample): Samples {
  const last = samples.times.at(-1);
  if (last !== undefined && time <= last) {
    return time < last - STEP ? withSample(NONE, { time, values }) : samples;
  }
  const first = samples.times.findIndex(one => one >= time - SPAN);
  const from = first === -1 ? samples.times.length : first;
  const times = [...samples.times.slice(from), time];
  const columns = new Map<string, (number | null)[]>();
  for (const [name, old] of samples.columns) {
    columns.set(name, [...old.slice(from), values.get(name) ?? null]);
  }
  for (const [name, value] of values) {
    if (!columns.has(name)) {
      columns.set(name, [...times.slice(1).map(() => null), value]); // a GPU that has just been seen
    }
  }
  return { times, columns };
}

/** Makes samples of metrics trees: the same columns as the history has. */
export class Sampler {
  private before: { time: number; network: Map<string, SysInterface> } | null = null;

  /** Bytes a second of each interface, received and sent, at the last sample. */
  readonly rates = new Map<string, { received: number; sent: number }>();

  /** Take a tree that `merged` has returned. */
  take(time: number, { cpu, memory, network, gpus }: SysMetrics): Sample {
    const values = new Map<string, number | null>([
      ['cpu_percent', cpu.percent ?? null],
      ['load_1', cpu.load_avg?.[0] ?? null],
      ['memory_used', memory.used ?? null],
      ['memory_percent', memory.percent ?? null],
    ]);
    const known = this.measure(time, network);
    const total = (way: 'received' | 'sent') => [...this.rates.values()].reduce((sum, one) => sum + one[way], 0);
    values.set('net_rx', known ? total('received') : null);
    values.set('net_tx', known ? total('sent') : null);
    for (const gpu of gpus) {
      const name = gpuName(gpu);
      values.set(`${name}_util`, gpu.util_gpu ?? null);
      values.set(`${name}_mem_used`, gpu.mem_used ?? null);
    }
    return { time, values };
  }

  /** Return whether there is anything to compare with. */
  private measure(time: number, network: SysInterface[]): boolean {
    const before = this.before;
    this.before = { time, network: new Map(network.map(one => [one.interface, one])) };
    this.rates.clear();
    const seconds = before ? time - before.time : 0;
    if (!before || seconds <= 0) {
      return false;
    }
    for (const one of network) {
      const old = before.network.get(one.interface);
      if (old) {
        // A counter that was set back counts from its next sample on.
        const rate = (now: number, then: number) => Math.max(0, now - then) / seconds;
        this.rates.set(one.interface, {
          received: rate(one.rx_bytes, old.rx_bytes),
          sent: rate(one.tx_bytes, old.tx_bytes),
        });
      }
    }
    return true;
  }
}

/** How the columns of a GPU begin. */
export function gpuName(gpu: { vendor: string; id: string }): string {
  const { vendor } = gpu as { vendor: unknown }; // whatever it says
  return `gpu_${String(vendor).toLowerCase()}_${gpu.id}`;
}

/**
 * Lay what an event says over what is known: an event that was too large has only what changes. What isn't as it
 * should be counts as not said.
 */
export function merged(known: SysMetrics | null, news: Partial<SysMetrics>): SysMetrics {
  const none: SysMetrics = { system: {}, cpu: {}, memory: {}, disks: [], network: [], gpus: [] };
  const old = known ?? none;
  const cpu = { ...old.cpu, ...branch(news.cpu) };
  return {
    system: { ...old.system, ...branch(news.system) },
    cpu: { ...cpu, load_avg: Array.isArray(cpu.load_avg) ? cpu.load_avg : [] },
    memory: { ...old.memory, ...branch(news.memory) },
    disks: laidOver(old.disks, news.disks, one => one.mount),
    network: laidOver(old.network, news.network, one => one.interface),
    gpus: laidOver(old.gpus, news.gpus, one => `${one.vendor} ${one.id}`),
    errors: { ...(branch(news.errors) as Record<string, string>) },
  };
}

function branch<T extends object>(value: T | undefined): Partial<T> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function laidOver<T extends object>(old: T[], news: T[] | undefined, key: (one: T) => string): T[] {
  if (!Array.isArray(news)) {
    return old;
  }
  const known = new Map(old.map(one => [key(one), one]));
  return news
    .filter(one => typeof one === 'object' && one !== null)
    .map(one => ({ ...known.get(key(one)), ...one }));
}
