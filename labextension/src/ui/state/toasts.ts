/** What is told wherever the user is: jobs that have ended, endpoints that are lost and back. */

import type { Channel, OrbitEvent } from '../channel/channel.js';
import type { Toast } from '../element.js';
import { plural } from '../text/format.js';
import { ended } from './ended.js';
import { endpointsOf } from './endpoints.js';
import { jobsOf } from './jobs.js';
import type { Unwatch } from '../value.js';

/** Milliseconds that ends of jobs are gathered, so that a burst is one message. */
const GATHER = 600;
/** Milliseconds that an endpoint may be away without a word: one that is started anew comes back soon. */
const AWAY = 2500;
/** So many jobs that end together are told of one by one. */
const FEW = 2;
/** Ends that are remembered, so that none is told twice. */
const REMEMBERED = 5000;

interface End {
  endpoint: string;
  plugin: string;
  job: string;
  state: string;
  text: string;
}

/** Tell of each job that ends and of endpoints that come and go, until the function returned is called. */
export function announceJobs(channel: Channel, tell: (toast: Toast) => void): Unwatch {
  const jobs = new JobEnds(channel, tell);
  const endpoints = new Comings(channel, tell);
  return () => {
    jobs.stop();
    endpoints.stop();
  };
}

class JobEnds {
  private ends: End[] = [];
  private told = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private unsubscribe: Unwatch;

  constructor(
    private channel: Channel,
    private tell: (toast: Toast) => void,
  ) {
    this.unsubscribe = channel.subscribe({ topic: 'job_status' }, event => this.take(event));
  }

  stop(): void {
    this.unsubscribe();
    clearTimeout(this.timer);
  }

  private take(event: OrbitEvent): void {
    const state = String(event.data['state'] ?? '');
    const job = String(event.data['job_id'] ?? '');
    const key = `${event.endpoint}/${event.plugin}/${job}`;
    if (!job || !ended(state) || this.told.has(key)) {
      return;
    }
    this.told.add(key);
    if (this.told.size > REMEMBERED) {
      this.told.delete(this.told.values().next().value!);
    }
    const { endpoint, plugin } = event;
    this.ends.push({ endpoint, plugin, job, state: kindOf(state), text: this.textOf(event, job, state) });
    this.timer ??= setTimeout(() => this.flush(), GATHER);
  }

  private flush(): void {
    this.timer = undefined;
    const ends = this.ends.splice(0);
    for (const state of ['COMPLETED', 'CANCELED', 'FAILED']) {
      const same = ends.filter(end => end.state === state);
      if (same.length <= FEW) {
        same.forEach(end => {
          const { endpoint, plugin, job } = end;
          this.tell({ text: end.text, level: LEVELS[state]!, view: { view: 'job', endpoint, plugin, job } });
        });
      } else {
        this.tell(summed(same, state));
      }
    }
  }

  private textOf(event: OrbitEvent, job: string, state: string): string {
    const { endpoint, plugin, data } = event;
    const known = jobsOf(this.channel, endpoint, plugin).state.value.jobs.get(job);
    const name = known ? known.name || known.executable.split('/').pop() : '';
    const id = String(data['native_id'] ?? '') || job.slice(0, 8);
    const what = `Job ${[name, id].filter(Boolean).join(' ')} on ${endpoint}`;
    const code = data['exit_code'];
    switch (kindOf(state)) {
      case 'COMPLETED':
        return `${what} has completed`;
      case 'CANCELED':
        return `${what} was cancelled`;
      default:
        return `${what} has failed${typeof code === 'number' ? ` with exit code ${code}` : ''}${why(data)}`;
    }
  }
}

const LEVELS: Record<string, Toast['level']> = { COMPLETED: 'success', FAILED: 'error', CANCELED: 'info' };
const WORDS: Record<string, string> = {
  COMPLETED: 'have completed',
  FAILED: 'have failed',
  CANCELED: 'were cancelled',
};

function summed(ends: readonly End[], state: string): Toast {
  const { endpoint, plugin } = ends[0]!;
  const [onOne, ofOne] = [
    ends.every(end => end.endpoint === endpoint),
    ends.every(end => end.endpoint === endpoint && end.plugin === plugin),
  ];
  const text = `${plural(ends.length, 'job')} ${WORDS[state]}${onOne ? ` on ${endpoint}` : ''}`;
  const view: Toast['view'] = ofOne ? { view: 'jobs', endpoint, plugin } : { view: 'map' };
  return { text, level: LEVELS[state]!, view };
}

function kindOf(state: string): string {
  return state === 'COMPLETED' || state === 'DONE'
    ? 'COMPLETED'
    : state.startsWith('CANCEL')
      ? 'CANCELED'
      : 'FAILED';
}

function why(data: Record<string, unknown>): string {
  const message = typeof data['message'] === 'string' ? data['message'].trim() : '';
  return message ? `: ${message.length > 160 ? `${message.slice(0, 160)}…` : message}` : '';
}

/** Endpoints that are lost, and those that are back after that was told. */
class Comings {
  /** Those that have been here since that was last looked at. */
  private here: Set<string>;
  private lost = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private unwatch: Unwatch;

  constructor(
    private channel: Channel,
    private tell: (toast: Toast) => void,
  ) {
    this.here = this.now();
    const look = () => {
      this.now().forEach(name => this.here.add(name)); // also one that is gone again before the next look
      this.timer ??= setTimeout(() => this.look(), AWAY);
    };
    const endings = [endpointsOf(channel).all.watch(look), channel.connection.watch(look)];
    this.unwatch = () => endings.forEach(end => end());
  }

  stop(): void {
    this.unwatch();
    clearTimeout(this.timer);
  }

  private now(): Set<string> {
    const all = [...endpointsOf(this.channel).all.value.values()];
    return new Set(all.filter(one => one.state === 'present' || one.state === 'suspect').map(one => one.name));
  }

  private look(): void {
    this.timer = undefined;
    if (this.channel.connection.value.kind !== 'connected') {
      return; // what is here isn't known; when it is, this is looked at again
    }
    const now = this.now();
    const known = endpointsOf(this.channel).all.value;
    const gone = [...this.here].filter(name => !now.has(name) && known.has(name));
    const back = [...now].filter(name => this.lost.delete(name));
    gone.forEach(name => this.lost.add(name));
    this.here = now;
    if (gone.length) {
      this.say(gone, 'lost', 'warning');
    }
    if (back.length) {
      this.say(back, 'back', 'success');
    }
  }

  private say(names: string[], word: string, level: Toast['level']): void {
    if (names.length <= FEW) {
      names.forEach(name =>
        this.tell({ text: `${name} is ${word}`, level, view: { view: 'endpoint', endpoint: name } }),
      );
    } else {
      this.tell({ text: `${plural(names.length, 'endpoint')} are ${word}`, level, view: { view: 'map' } });
    }
  }
}
