/** What runs and waits on all endpoints, counted now and then. */

import type { Channel } from '../channel/channel.js';
import { ended } from './ended.js';
import type { PsijJobSummary } from '../wire/types.js';
import { endpointsOf } from './endpoints.js';
import { Users } from './followed.js';
import { jobsOf } from './jobs.js';
import { oneForChannel } from './shared.js';
import { Value, type Unwatch } from '../value.js';

export interface RunningJob {
  endpoint: string;
  plugin: string;
  job: PsijJobSummary;
}

export interface Running {
  /** By endpoint: how many run, and how many wait. Those whose jobs haven't been read are missing. */
  counts: ReadonlyMap<string, { active: number; waiting: number }>;
  /** The latest that haven't ended, those that run first; at most `SHOWN`. */
  jobs: readonly RunningJob[];
  /** All that haven't ended. */
  total: number;
}

/** Endpoints whose jobs are read; more would be too much for a start page. */
export const WATCHED = 30;
/** Jobs that are listed. */
export const SHOWN = 30;
/** Milliseconds between two counts: there may be a hundred thousand jobs. */
const PAUSE = 700;

export class RunningJobs {
  readonly state = new Value<Running>({ counts: new Map(), jobs: [], total: 0 });

  private using = new Map<string, { endpoint: string; plugin: string; end: Unwatch }>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private users = new Users(() => this.begin());

  constructor(private channel: Channel) {}

  /** Count until the function returned is called. */
  use(): Unwatch {
    return this.users.use();
  }

  private begin(): Unwatch[] {
    this.follow();
    return [endpointsOf(this.channel).all.watch(() => this.follow()), () => this.stop()];
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const { end } of this.using.values()) {
      end();
    }
    this.using.clear();
  }

  /** Use the jobs of those that are there now, and of no others. */
  private follow(): void {
    const wanted = endpointsOf(this.channel).withPlugin('psij').slice(0, WATCHED);
    const names = new Set(wanted.map(({ endpoint, plugin }) => `${endpoint}/${plugin}`));
    for (const [name, { end }] of this.using) {
      if (!names.has(name)) {
        end();
        this.using.delete(name);
      }
    }
    for (const { endpoint, plugin } of wanted) {
      const name = `${endpoint}/${plugin}`;
      if (!this.using.has(name)) {
        const jobs = jobsOf(this.channel, endpoint, plugin);
        const ends = [jobs.state.watch(() => this.soon()), jobs.use()];
        this.using.set(name, { endpoint, plugin, end: () => ends.forEach(end => end()) });
      }
    }
    this.count();
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.count();
    }, PAUSE);
  }

  private count(): void {
    const counts = new Map<string, { active: number; waiting: number }>();
    const all: RunningJob[] = [];
    for (const { endpoint, plugin } of this.using.values()) {
      const { jobs, read } = jobsOf(this.channel, endpoint, plugin).state.value;
      if (!read) {
        continue;
      }
      const count = counts.get(endpoint) ?? { active: 0, waiting: 0 };
      counts.set(endpoint, count);
      for (const job of jobs.values()) {
        if (!ended(job.state)) {
          count[job.state === 'ACTIVE' ? 'active' : 'waiting'] += 1;
          all.push({ endpoint, plugin, job });
        }
      }
    }
    const latest = all.sort(order).slice(0, SHOWN);
    this.state.set({ counts, jobs: latest, total: all.length });
  }
}

/** Return the one count that all views of a page share. */
export const runningJobs = oneForChannel(channel => new RunningJobs(channel));

function order(one: RunningJob, other: RunningJob): number {
  const active = Number(other.job.state === 'ACTIVE') - Number(one.job.state === 'ACTIVE');
  return active || other.job.time - one.job.time;
}
