/** Tasks that plugins' own pages have begun; the tree has them under their plugin, also when the page is closed. */

import type { Channel } from '../channel/channel.js';
import { Value, type Unwatch } from '../value.js';
import { ended } from './ended.js';
import { oneForChannel } from './shared.js';

export interface TrackedTask {
  id: string;
  label: string;
  state: string;
}

/** Where a plugin's events say which task is in what state. */
export interface TaskEvents {
  topic: string;
  idField: string;
}

/** Tasks of a plugin that are kept, and states of tasks that may yet be registered. */
const KEPT = 20;
const EARLY = 200;

class PluginTasks {
  readonly tasks = new Map<string, TrackedTask>();
  private early = new Map<string, string>();
  private unsubscribe: Unwatch | null = null;

  constructor(
    private subscribe: (told: (data: Record<string, unknown>) => void) => Unwatch,
    private idField: string,
    private changed: () => void,
  ) {}

  register(id: string, label: string): void {
    const state = this.early.get(id) ?? this.tasks.get(id)?.state ?? 'PENDING';
    this.tasks.delete(id);
    this.tasks.set(id, { id, label, state });
    trim(this.tasks, KEPT);
    this.listen();
  }

  /** Take in an event, which may come before its task is registered. */
  take = (data: Record<string, unknown>): void => {
    const id = data[this.idField];
    const { state } = data;
    if ((typeof id !== 'string' && typeof id !== 'number') || typeof state !== 'string') {
      return;
    }
    const task = this.tasks.get(String(id));
    if (!task) {
      this.early.set(String(id), state);
      trim(this.early, EARLY);
    } else if (task.state !== state && !ended(task.state)) {
      this.tasks.set(task.id, { ...task, state });
      this.listen();
    }
  };

  /** Listen for as long as any of them goes on. */
  private listen(): void {
    const going = [...this.tasks.values()].some(task => !ended(task.state));
    if (going) {
      this.unsubscribe ??= this.subscribe(this.take);
    } else {
      this.unsubscribe?.();
      this.unsubscribe = null;
    }
    this.changed();
  }
}

export class Tracked {
  /** Counts changes. */
  readonly changed = new Value(0);
  private plugins = new Map<string, PluginTasks>();

  constructor(private channel: Channel) {}

  /** Return the tasks of a plugin, the latest first. */
  of(endpoint: string, plugin: string): readonly TrackedTask[] {
    return [...(this.plugins.get(`${endpoint}/${plugin}`)?.tasks.values() ?? [])].reverse();
  }

  register(endpoint: string, plugin: string, events: TaskEvents, id: string, label: string): void {
    this.get(endpoint, plugin, events).register(id, label);
  }

  take(endpoint: string, plugin: string, events: TaskEvents, data: Record<string, unknown>): void {
    this.get(endpoint, plugin, events).take(data);
  }

  private get(endpoint: string, plugin: string, { topic, idField }: TaskEvents): PluginTasks {
    const name = `${endpoint}/${plugin}`;
    let tasks = this.plugins.get(name);
    if (!tasks) {
      tasks = new PluginTasks(
        told => this.channel.subscribe({ endpoint, plugin, topic }, event => told(event.data)),
        idField,
        () => this.changed.set(this.changed.value + 1),
      );
      this.plugins.set(name, tasks);
    }
    return tasks;
  }
}

/** Return the ones that all views of a page share. */
export const trackedOf = oneForChannel(channel => new Tracked(channel));

function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) {
      return;
    }
    map.delete(key);
  }
}
