/** One job of a `psij` and its output, both as they grow, for as long as anybody watches. */

import type { Channel, Gap } from '../channel/channel.js';
import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { ended } from './ended.js';
import type { PsijFollowed, PsijJobSpecification, PsijJobStatus } from '../wire/types.js';
import { whenBack } from './back.js';
import { Reading, Timers, Users } from './followed.js';
import { pluginOn, type PluginAccess } from './plugin.js';
import { oneForChannel } from './shared.js';
import { KEPT, Tail } from './tail.js';
import { Value, type Unwatch } from '../value.js';

export type Stream = 'stdout' | 'stderr';
export const STREAMS: readonly Stream[] = ['stdout', 'stderr'];

export interface JobState {
  status: PsijJobStatus | null;
  /** What it was submitted with; null: it hasn't been told. */
  spec: PsijJobSpecification | null;
  error: OrbitError | null;
  /** When events were missed last, and how many; the state has been read anew since. */
  missed: { time: number; number: number | null } | null;
  /** Counts changes of the output, which is changed in place. */
  version: number;
}

/** Milliseconds after which it is followed anew: who doesn't use a session for an hour loses it. */
const AGAIN = 60_000;
/** Milliseconds between two looks at a job that can't be followed. */
const LOOK = 3000;
/** Milliseconds after which a reading that failed for a while is tried again. */
const RETRY = 5000;
/** Milliseconds after its end at which the scheduler is asked again what a job has used. */
const LATER = [3000, 10_000, 30_000];
/** Bytes of one answer, and how little of them makes another one worth asking for. */
const FULL = 1024 * 1024 - 4;
/** Bytes that are read of a file whose length nobody tells. */
const MOST = 64 * 1024 * 1024;

export class FollowedJob {
  readonly state = new Value<JobState>({ status: null, spec: null, error: null, missed: null, version: 0 });
  readonly output: Readonly<Record<Stream, Tail>> = { stdout: new Tail(), stderr: new Tail() };

  private psij: PluginAccess;
  private users = new Users(() => this.begin());
  private reading = new Reading(
    () => this.read(),
    () => this.users.any && void this.reload(),
  );
  private timers = new Timers();
  private follows = false;
  /** Bytes that there are, as far as is known. */
  private known: Record<Stream, number> = { stdout: 0, stderr: 0 };
  private lastCall: Promise<unknown> = Promise.resolve();

  constructor(
    private channel: Channel,
    readonly endpoint: string,
    readonly plugin: string,
    readonly id: string,
  ) {
    this.psij = pluginOn(channel, endpoint, plugin);
  }

  /** Keep it up to date until the function returned is called. */
  use(): Unwatch {
    return this.users.use();
  }

  get ended(): boolean {
    return ended(this.state.value.status?.state ?? '');
  }

  reload(): Promise<void> {
    return this.reading.ask();
  }

  /** Return all that a stream has, however long it is. */
  async whole(stream: Stream, progress: (bytes: number) => void): Promise<Blob> {
    const pieces: string[] = [];
    const nothing = Number.MAX_SAFE_INTEGER;
    for (let at = 0; ;) {
      const query =
        stream === 'stdout'
          ? { stdout_offset: at, stderr_offset: nothing }
          : { stdout_offset: nothing, stderr_offset: at };
      const status = await this.psij.get<PsijJobStatus>(this.route('status'), { query });
      const next = status[`${stream}_offset`];
      pieces.push(next > at ? status[stream] : '');
      if (next - at < FULL) {
        return new Blob(pieces, { type: 'text/plain;charset=utf-8' });
      }
      progress((at = next));
    }
  }

  private begin(): Unwatch[] {
    const mine = { endpoint: this.endpoint, plugin: this.plugin };
    const reload = () => void this.reload();
    const endings = [
      this.channel.subscribe({ ...mine, topic: 'job_output' }, event => this.wrote(event.data)),
      this.channel.subscribe(
        { ...mine, topic: 'job_status' },
        event => this.became(event.data),
        gap => this.missed(gap),
      ),
      whenBack(this.channel, this.endpoint, reload),
      () => this.end(),
    ];
    reload();
    return endings;
  }

  private end(): void {
    this.timers.clear();
    // One after the other: a follow that is still under way is taken back, too.
    this.lastCall = this.lastCall.then(() => {
      if (this.follows && !this.users.any) {
        this.follows = false;
        return this.psij.post(this.route('unfollow')).catch(() => undefined);
      }
      return undefined;
    });
  }

  private route(what: string): string {
    return `${what}/{sid}/${encodeURIComponent(this.id)}`;
  }

  private async read(): Promise<void> {
    this.timers.clear();
    try {
      const told = await this.follow();
      let more = true;
      for (let bytes = 0; more && this.users.any && bytes < MOST;) {
        if (told) {
          this.skip();
        }
        const [stdout, stderr] = [this.output.stdout.end, this.output.stderr.end];
        const query = { stdout_offset: stdout, stderr_offset: stderr };
        const before = { ...this.known };
        const status = await this.psij.get<PsijJobStatus>(this.route('status'), { query });
        const came = STREAMS.map(stream => this.take(stream, status));
        bytes += came[0]! + came[1]!;
        this.change({ status, error: null });
        const grew = STREAMS.some(stream => this.known[stream] > before[stream]);
        more = came.some(one => one >= FULL) || ((grew || came.some(Boolean)) && this.behind());
      }
      // What still lacks can't be had: the file is shorter than it was, or ends amid a character.
      for (const stream of STREAMS) {
        this.known[stream] = this.output[stream].end;
      }
      this.plan(told);
      await this.readSpec();
    } catch (error) {
      const wrong = asOrbitError(error);
      this.change({ error: wrong });
      if (wrong.transient) {
        this.later(RETRY, () => this.reload());
      }
    }
  }

  /** Read what never changes, once. */
  private async readSpec(): Promise<void> {
    if (!this.state.value.spec) {
      this.change({ spec: await this.psij.get<PsijJobSpecification>(this.route('spec')) });
    }
  }

  /** Have the endpoint tell of the output; return whether it does, or at least how much there is. */
  private async follow(): Promise<boolean> {
    const asked = this.lastCall.then(async () => {
      const followed = await this.psij.post<PsijFollowed>(this.route('follow'));
      this.follows = true;
      return followed;
    });
    this.lastCall = asked.catch(() => undefined);
    try {
      const followed = await asked;
      for (const stream of STREAMS) {
        const size = followed[`${stream}_offset`];
        if (size < this.output[stream].end) {
          this.output[stream].reset(0); // it was written anew
        }
        this.known[stream] = size;
      }
      return true;
    } catch (error) {
      const { code, forbidden } = asOrbitError(error);
      if (code === 'overloaded' || forbidden) {
        return false; // it is looked at now and then instead
      }
      throw error;
    }
  }

  /** Leave out what wouldn't be kept anyway. */
  private skip(): void {
    for (const stream of STREAMS) {
      if (this.known[stream] - this.output[stream].end > KEPT) {
        this.output[stream].reset(this.known[stream] - KEPT);
      }
    }
  }

  private take(stream: Stream, status: PsijJobStatus): number {
    const tail = this.output[stream];
    const came = status[`${stream}_offset`] - tail.end;
    if (came > 0) {
      tail.append(status[stream], status[`${stream}_offset`]);
    }
    return Math.max(0, came);
  }

  private behind(): boolean {
    return STREAMS.some(stream => this.output[stream].end < this.known[stream]);
  }

  private plan(told: boolean): void {
    const { status } = this.state.value;
    if (!this.ended) {
      this.later(told ? AGAIN : LOOK, () => this.reload());
    } else if (status && !status.resources_used) {
      const since = Date.now() - status.time * 1000;
      const next = LATER.find(one => since < one);
      if (next !== undefined) {
        this.later(next - Math.max(0, since) + 500, () => this.reload());
      }
    }
  }

  private wrote(data: Record<string, unknown>): void {
    const { job_id: id, stream, offset, next_offset: next, text } = data;
    if (id !== this.id || (stream !== 'stdout' && stream !== 'stderr') || typeof next !== 'number') {
      return;
    }
    const tail = this.output[stream];
    this.known[stream] = Math.max(this.known[stream], next);
    if (next <= tail.end || this.reading.busy) {
      return; // it is there already, or what is read now will have it
    }
    if (offset === tail.end && typeof text === 'string') {
      tail.append(text, next);
      this.change({});
    } else {
      void this.reload(); // the middle was left out, or an event was cut off
    }
  }

  private became(data: Record<string, unknown>): void {
    const { status } = this.state.value;
    if (data['job_id'] !== this.id) {
      return;
    }
    const { state, exit_code, message, native_id, time } = data as unknown as PsijJobStatus;
    if (status && time >= status.time && !(this.ended && !ended(state))) {
      const now = { state, exit_code, message, native_id, time };
      this.change({ status: { ...status, ...now } });
    }
    void this.reload();
  }

  private missed({ time, missed }: Gap): void {
    this.change({ missed: { time, number: missed } });
    void this.reload();
  }

  private change(news: Partial<JobState>): void {
    const before = this.state.value;
    this.state.set({ ...before, ...news, version: before.version + 1 });
  }

  private later(milliseconds: number, act: () => unknown): void {
    if (this.users.any) {
      this.timers.later(milliseconds, act);
    }
  }
}

const known = oneForChannel(() => new Map<string, WeakRef<FollowedJob>>());

/** Return what all views of a page share of a job; its output is let go with the last of them. */
export function followedJob(channel: Channel, endpoint: string, plugin: string, id: string): FollowedJob {
  const mine = known(channel);
  const name = JSON.stringify([endpoint, plugin, id]);
  let job = mine.get(name)?.deref();
  if (!job) {
    job = new FollowedJob(channel, endpoint, plugin, id);
    mine.set(name, new WeakRef(job));
  }
  return job;
}
