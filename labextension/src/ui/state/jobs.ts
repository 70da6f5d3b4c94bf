/** The jobs of one `psij`, kept up to date by its events for as long as anybody watches them. */

import type { Channel } from '../channel/channel.js';
import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { ended } from './ended.js';
import type { PsijJobs, PsijJobSummary } from '../wire/types.js';
import { pluginOn } from './plugin.js';
import { whenBack } from './back.js';
import { Reading, Timers, Users } from './followed.js';
import { oneForPlugin } from './shared.js';
import { soundJob } from './sound-job.js';
import { Value, type Unwatch } from '../value.js';

export interface JobsState {
  /** By id, the oldest first. */
  jobs: ReadonlyMap<string, PsijJobSummary>;
  /** Whether they have been read at least once. */
  read: boolean;
  error: OrbitError | null;
  /** Counts changes: the map is changed in place, since there may be a hundred thousand. */
  version: number;
}

/** Jobs that one listing returns; older ones are asked for page by page. */
const PAGE = 10_000;
const MOST = 100_000;
/** Milliseconds between two readings of everything, and before the jobs of others are asked for. */
const PAUSE = 1000;
const SOON = 200;
/** Milliseconds after which a reading that failed for a while is tried again. */
const RETRY = 5000;
/** States only go on; a job that has ended stays so. */
const RANK: Record<string, number> = { NEW: 0, QUEUED: 1, ACTIVE: 2, COMPLETED: 3, FAILED: 3, CANCELED: 3 };

export class Jobs {
  readonly state = new Value<JobsState>({ jobs: new Map(), read: false, error: null, version: 0 });

  private jobs = new Map<string, PsijJobSummary>();
  private users = new Users(() => this.begin());
  private reading = new Reading(
    () => this.read(),
    () => this.later(PAUSE, () => this.reload()),
  );
  /** What events have said while a listing was under way, which may be older. */
  private told = new Set<string>();
  /** Seconds since the epoch: since when there are jobs of which only an event is known. */
  private unknownSince = Infinity;
  private asking = false;
  private timers = new Timers();
  private unended = 0;

  constructor(
    private channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {}

  /** Keep them up to date until the function returned is called. */
  use(): Unwatch {
    return this.users.use();
  }

  get running(): number {
    return this.unended;
  }

  /** Read all of them anew. */
  reload(): Promise<void> {
    return this.reading.ask();
  }

  private begin(): Unwatch[] {
    const mine = { endpoint: this.endpoint, plugin: this.plugin, topic: 'job_status' };
    const reload = () => void this.reload();
    const endings = [
      this.channel.subscribe(mine, event => this.happened(event.data), reload),
      whenBack(this.channel, this.endpoint, reload),
      () => this.end(),
    ];
    reload();
    return endings;
  }

  private end(): void {
    this.timers.clear();
    this.asking = false;
  }

  private async read(): Promise<void> {
    const psij = pluginOn(this.channel, this.endpoint, this.plugin);
    const pages: PsijJobSummary[][] = [];
    this.told.clear();
    try {
      let before: string | undefined;
      do {
        const page = await psij.get<PsijJobs>('list_jobs/{sid}', { query: { limit: PAGE, before } });
        pages.unshift(page.jobs);
        before = page.before;
        if (before && !this.state.value.read) {
          this.take(pages); // the newest are there to be looked at while the others come
        }
      } while (before && pages.length * PAGE < MOST);
      this.take(pages);
    } catch (error) {
      const wrong = asOrbitError(error);
      this.tell(wrong);
      if (wrong.transient) {
        this.later(RETRY, () => this.reload());
      }
    }
  }

  private take(pages: PsijJobSummary[][]): void {
    const before = this.jobs;
    this.jobs = new Map();
    for (const page of pages) {
      for (const said of page) {
        const job = soundJob(said);
        if (!job) {
          continue;
        }
        this.jobs.set(job.job_id, merged(job, this.told.has(job.job_id) ? before.get(job.job_id) : undefined));
      }
    }
    for (const id of this.told) {
      const known = before.get(id);
      if (known && !this.jobs.has(id)) {
        this.jobs.set(id, known);
      }
    }
    this.unended = 0;
    for (const job of this.jobs.values()) {
      this.unended += ended(job.state) ? 0 : 1;
    }
    this.tell(null);
  }

  private happened(data: Record<string, unknown>): void {
    const {
      stdout: _,
      stderr: __,
      truncated: ___,
      ...news
    } = data as Partial<PsijJobSummary> & Record<string, unknown>;
    const id = news.job_id;
    if (typeof id !== 'string' || !id) {
      return;
    }
    const before = this.jobs.get(id);
    if (before && older(news, before)) {
      return; // what was read since is newer
    }
    if (this.reading.busy) {
      this.told.add(id);
    }
    const job = soundJob({ ...(before ?? unknown(id, news.time ?? 0)), ...news })!;
    this.unended += (ended(job.state) ? 0 : 1) - (before && !ended(before.state) ? 1 : 0);
    this.jobs.set(id, job);
    if (!before) {
      this.forget();
      this.askSince(job.time);
    }
    this.tell(this.state.value.error);
  }

  /** Of more than the endpoint keeps, the oldest that has ended goes. */
  private forget(): void {
    if (this.jobs.size > MOST) {
      for (const [id, { state }] of this.jobs) {
        if (ended(state)) {
          this.jobs.delete(id);
          return;
        }
      }
    }
  }

  /** Ask for the jobs that somebody else has submitted, all at once. */
  private askSince(time: number): void {
    this.unknownSince = Math.min(this.unknownSince, time);
    if (!this.asking) {
      this.asking = true;
      this.later(SOON, async () => {
        const since = this.unknownSince - 1;
        this.unknownSince = Infinity;
        try {
          await this.readSince(since);
        } catch {
          // What the event said stays; the next reading has the rest.
        } finally {
          this.asking = false;
          if (this.unknownSince < Infinity) {
            this.askSince(this.unknownSince);
          }
        }
      });
    }
  }

  private async readSince(since: number): Promise<void> {
    const psij = pluginOn(this.channel, this.endpoint, this.plugin);
    let before: string | undefined;
    do {
      const page = await psij.get<PsijJobs>('list_jobs/{sid}', { query: { limit: PAGE, since, before } });
      for (const said of page.jobs) {
        const job = soundJob(said);
        if (!job) {
          continue;
        }
        const known = this.jobs.get(job.job_id);
        const next = merged(job, known);
        this.unended += (ended(next.state) ? 0 : 1) - (known && !ended(known.state) ? 1 : 0);
        this.jobs.set(job.job_id, next);
      }
      before = page.before;
      this.tell(this.state.value.error);
    } while (before && this.users.any);
  }

  private tell(error: OrbitError | null): void {
    const { read, version } = this.state.value;
    this.state.set({ jobs: this.jobs, read: read || error === null, error, version: version + 1 });
  }

  private later(milliseconds: number, act: () => unknown): void {
    if (this.users.any) {
      this.timers.later(milliseconds, act);
    }
  }
}

type Known = Partial<Pick<PsijJobSummary, 'state' | 'time'>>;

/** Whether one says less than the other: states only go on, and the clock is the endpoint's. */
function older(one: Known, other: Known): boolean {
  const ahead = (RANK[one.state ?? ''] ?? 0) - (RANK[other.state ?? ''] ?? 0);
  return ahead < 0 || (ahead === 0 && (one.time ?? 0) < (other.time ?? 0));
}

/** Return a job as it was listed, with what is known of it since. */
function merged(listed: PsijJobSummary, now: PsijJobSummary | undefined): PsijJobSummary {
  if (!now || older(now, listed)) {
    return listed;
  }
  const { state, time, message } = now;
  const [exit_code, native_id] = [now.exit_code ?? listed.exit_code, now.native_id ?? listed.native_id];
  return { ...listed, state, time, message, exit_code, native_id };
}

/** Return a job of which nothing is known yet but that it is there. */
function unknown(id: string, time: number): PsijJobSummary {
  return {
    job_id: id,
    native_id: null,
    name: null,
    state: 'NEW',
    exit_code: null,
    executable: '',
    arguments: [],
    executor: '',
    queue_name: null,
    account: null,
    node_count: null,
    endpoint_name: null,
    array_id: null,
    message: null,
    submit_time: time,
    time,
  };
}

/** Return the one list that all views of a page share. */
export const jobsOf = oneForPlugin((channel, endpoint, plugin) => new Jobs(channel, endpoint, plugin));
