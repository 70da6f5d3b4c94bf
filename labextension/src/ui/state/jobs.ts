/** The jobs of one `psij`, kept up to date by its events for as long as anybody watches them. */

import type { Channel } from '../channel/channel.js';
import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { ended } from '../parts/states.js';
import type { PsijJobs, PsijJobSummary } from '../wire/types.js';
import { pluginOn } from './plugin.js';
import { Value, type Unwatch } from './value.js';

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

export class Jobs {
  readonly state = new Value<JobsState>({ jobs: new Map(), read: false, error: null, version: 0 });

  private jobs = new Map<string, PsijJobSummary>();
  private users = 0;
  private endings: Unwatch[] = [];
  private reading = false;
  private again = false;

  constructor(
    private channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
  ) {}

  /** Keep them up to date until the function returned is called. */
  use(): Unwatch {
    if (this.users++ === 0) {
      this.begin();
    }
    let used = true;
    return () => {
      if (used && --this.users === 0) {
        this.endings.splice(0).forEach(end => end());
      }
      used = false;
    };
  }

  get running(): number {
    let number = 0;
    for (const job of this.jobs.values()) {
      number += ended(job.state) ? 0 : 1;
    }
    return number;
  }

  /** Read all of them anew. */
  async reload(): Promise<void> {
    if (this.reading) {
      this.again = true;
      return;
    }
    this.reading = true;
    try {
      do {
        this.again = false;
        await this.read();
      } while (this.again && this.users > 0);
    } finally {
      this.reading = false;
    }
  }

  private begin(): void {
    const mine = { endpoint: this.endpoint, plugin: this.plugin };
    const reload = () => void this.reload();
    let connected = this.channel.connection.value.kind === 'connected';
    this.endings = [
      this.channel.subscribe({ ...mine, topic: 'job_status' }, event => this.happened(event.data), reload),
      this.channel.connection.watch(now => {
        if (now.kind === 'connected' && !connected) {
          reload();
        }
        connected = now.kind === 'connected';
      }),
    ];
    reload();
  }

  private async read(): Promise<void> {
    const psij = pluginOn(this.channel, this.endpoint, this.plugin);
    const pages: PsijJobSummary[][] = [];
    try {
      let before: string | undefined;
      do {
        const page = await psij.get<PsijJobs>('list_jobs/{sid}', { query: { limit: PAGE, before } });
        pages.unshift(page.jobs);
        before = page.before;
      } while (before && pages.length * PAGE < MOST);
      this.jobs = new Map(pages.flat().map(job => [job.job_id, job]));
      this.tell(null);
    } catch (error) {
      this.tell(asOrbitError(error));
    }
  }

  private happened(data: Record<string, unknown>): void {
    const id = String(data['job_id'] ?? '');
    const before = this.jobs.get(id);
    if (!before) {
      void this.reload(); // submitted by somebody else
      return;
    }
    if (Number(data['time'] ?? 0) < before.time) {
      return; // what was read since is newer
    }
    const { stdout: _, stderr: __, truncated: ___, ...news } = data;
    this.jobs.set(id, { ...before, ...(news as Partial<PsijJobSummary>) });
    this.tell(null);
  }

  private tell(error: OrbitError | null): void {
    const { read, version } = this.state.value;
    this.state.set({ jobs: this.jobs, read: read || error === null, error, version: version + 1 });
  }
}

const known = new WeakMap<Channel, Map<string, Jobs>>();

/** Return the one list that all views of a page share. */
export function jobsOf(channel: Channel, endpoint: string, plugin: string): Jobs {
  let mine = known.get(channel);
  if (!mine) {
    known.set(channel, (mine = new Map<string, Jobs>()));
  }
  const name = `${endpoint}/${plugin}`;
  let jobs = mine.get(name);
  if (!jobs) {
    mine.set(name, (jobs = new Jobs(channel, endpoint, plugin)));
  }
  return jobs;
}
