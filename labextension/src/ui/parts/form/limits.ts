/** What queues and accounts allow, beside the fields of a job that ask for it. */

import type { Channel } from '../../channel/channel.js';
import { endpointsOf } from '../../state/endpoints.js';
import { pluginOn } from '../../state/plugin.js';
import type { QueueAllocation, QueueAllocations, QueueQueueEntry, QueueQueues } from '../../wire/types.js';
import { duration, plural } from '../../text/format.js';
import type { Choice } from './options.js';
import type { Values } from './shapes.js';
import { secondsOf, tidyDuration } from '../../text/words.js';

export interface Limits {
  queues: QueueQueueEntry[];
  accounts: QueueAllocation[];
}

export interface Hint {
  text: string;
  /** Whether what the field has is more than that. */
  bad: boolean;
}

/** Ask the endpoint's `queue_info`; null where it has none. What one question doesn't find stays unknown. */
export async function readLimits(channel: Channel, endpoint: string): Promise<Limits | null> {
  const plugin = endpointsOf(channel).plugin(endpoint, 'queue_info');
  if (plugin === undefined) {
    return null;
  }
  const info = pluginOn(channel, endpoint, plugin);
  const [queues, accounts] = await Promise.allSettled([
    info.get<QueueQueues>('get_info/{sid}'),
    info.get<QueueAllocations>('list_allocations/{sid}'),
  ]);
  return {
    queues: queues.status === 'fulfilled' ? Object.values(queues.value.queues ?? {}) : [],
    accounts: accounts.status === 'fulfilled' ? (accounts.value.allocations ?? []) : [],
  };
}

/** Return what there is to choose from in `queue` and in `account`. */
export function suggestions(limits: Limits | null): Map<string, Choice[]> {
  const found = new Map<string, Choice[]>();
  if (limits?.queues.length) {
    const label = (queue: QueueQueueEntry) =>
      [queue.name, limitText(queue), plural(queue.nodes_available, 'node')].filter(Boolean).join(' · ');
    found.set(
      'queue',
      limits.queues.map(queue => ({ value: queue.name, label: label(queue), reason: '' })),
    );
  }
  const names = [...new Set(limits?.accounts.map(account => account.account))];
  if (limits && names.length) {
    const label = (name: string) => [name, leftText(accountOf(limits, name))].filter(Boolean).join(' · ');
    found.set(
      'account',
      names.map(name => ({ value: name, label: label(name), reason: '' })),
    );
  }
  return found;
}

/** Return what to say beside which field. */
export function hintsFor(limits: Limits | null, values: Values): Map<string, Hint> {
  const hints = new Map<string, Hint>();
  if (!limits || values['executor'] === 'local') {
    return hints;
  }
  const queue = queueOf(limits, values['queue']);
  const account = accountOf(limits, values['account']);
  const seconds = secondsOf(tidyDuration(String(values['duration'] ?? '')));
  const nodes = Number(values['node_count']) || 1;
  if (queue) {
    const longest = queue.time_limit_seconds;
    if (longest !== null) {
      const text = `${queue.name} allows ${lengthText(longest)} at most`;
      hints.set('duration', { text, bad: seconds !== null && seconds > longest });
    }
    const most = queue.nodes_max ?? (queue.nodes_total || null);
    const free = `${plural(queue.nodes_idle, 'node')} free now`;
    const bad = most !== null && nodes > most;
    hints.set('node_count', { text: bad ? `${queue.name} allows ${plural(most, 'node')} at most` : free, bad });
  }
  const left = account?.remaining_node_hours;
  if (account && left !== null && left !== undefined) {
    const needed = seconds === null ? null : (nodes * seconds) / 3600;
    const text =
      needed === null ? `${hours(left)} node hours left` : `${hours(needed)} node hours of ${hours(left)} left`;
    hints.set('account', { text, bad: left <= 0 || (needed ?? 0) > left });
  }
  return hints;
}

function queueOf(limits: Limits, name: unknown): QueueQueueEntry | undefined {
  return limits.queues.find(queue => (name ? queue.name === name : queue.default));
}

/** The account with that name; the only one where none is named, as psij takes it. */
function accountOf(limits: Limits, name: unknown): QueueAllocation | undefined {
  const only = new Set(limits.accounts.map(account => account.account)).size === 1;
  const mine = limits.accounts.filter(account => (name ? account.account === name : only));
  return mine.find(account => account.remaining_node_hours !== null) ?? mine[0];
}

function limitText(queue: QueueQueueEntry): string {
  return queue.time_limit_seconds === null ? '' : lengthText(queue.time_limit_seconds);
}

function leftText(account: QueueAllocation | undefined): string {
  const left = account?.remaining_node_hours;
  return left === null || left === undefined ? '' : `${hours(left)} h left`;
}

function lengthText(seconds: number): string {
  return seconds < 7200 && seconds % 60 === 0 ? `${seconds / 60} min` : duration(seconds);
}

function hours(number: number): string {
  return number.toLocaleString([], { maximumFractionDigits: number < 10 ? 1 : 0 });
}
