/** Launching an endpoint as a job of another: its token, the job, and taking both back. */

import type { Channel } from '../channel/channel.js';
import { asOrbitError, OrbitError } from '../channel/errors.js';
import { secondsOf } from '../text/words.js';
import type { CreatedToken, PsijJobSummary, PsijLaunched } from '../wire/types.js';
import { pluginOn } from './plugin.js';
import { makeToken, revokeToken, tokensOf } from './tokens.js';

export interface Launch {
  name: string;
  executor: string;
  queue_name: string | null;
  account: string | null;
  /** As psij reads it; null: as long as it lives, or what psij takes. */
  duration: string | null;
  node_count: number;
  plugins: string;
  tunnel: string;
}

/** Seconds that psij takes for a job without a duration. */
const DEFAULT_DURATION = 600;
/** Seconds that a token outlives its job's time at most: jobs are suspended, and nobody may tell of their end. */
const AFTER = 86_400;
/** How long a token is good for that was never used: its job may wait in a queue. */
const WAITS = '30d';

/** How long a token is good for, as `hpc.psij.launch` has it; null: until its endpoint says goodbye. */
export function lifeOf(executor: string, duration: string | null): string | null {
  if (duration === null && executor === 'local') {
    return null;
  }
  const seconds = duration === null ? DEFAULT_DURATION : secondsOf(duration);
  if (!seconds) {
    const what = `duration: ${duration} is neither seconds nor HH:MM:SS, nor like 30m or 1h30m`;
    throw new OrbitError(what, 'invalid-field', 422, false, { field: 'duration' });
  }
  return `${seconds + AFTER}s`;
}

/** One launch, however often it is tried: it happens once, with one token. */
export interface Attempt {
  readonly key: string;
  token?: CreatedToken;
}

/** Make a token for the endpoint, and submit its job. */
export async function launch(
  channel: Channel,
  endpoint: string,
  plugin: string,
  wanted: Launch,
  attempt: Attempt,
): Promise<PsijLaunched> {
  const { name, executor, duration } = wanted;
  if (channel.topology.value.has(name)) {
    const what = `endpoint ${name} is connected already; choose another name, or end that one first`;
    throw new OrbitError(what, 'conflict', 409, false, { field: 'name' });
  }
  const life = lifeOf(executor, duration);
  const token = (attempt.token ??= await makeToken(channel, { name, expires: WAITS, parent: endpoint, life }));
  try {
    const body = { ...wanted, token: token.token };
    return await pluginOn(channel, endpoint, plugin).post<PsijLaunched>('launch/{sid}', body, {
      key: attempt.key,
    });
  } catch (error) {
    const { status } = asOrbitError(error);
    if (status >= 400 && status < 499) {
      await revokeToken(channel, token.id); // it was refused; what was lost on its way may need it
    }
    throw error;
  }
}

/** Cancel the job, and revoke its endpoint's token; the bridge ends an endpoint that has come meanwhile. */
export async function cancelLaunch(
  channel: Channel,
  endpoint: string,
  plugin: string,
  job: { job_id: string; endpoint_name: string | null },
): Promise<void> {
  const route = `cancel/{sid}/${encodeURIComponent(job.job_id)}`;
  await pluginOn(channel, endpoint, plugin).post(route);
  for (const id of await tokensOf(channel, job.endpoint_name ?? '', endpoint)) {
    await revokeToken(channel, id);
  }
}

/** The next name that nobody has: `hpc1.1`, `hpc1.2`. */
export function nextName(endpoint: string, taken: Iterable<string>): string {
  let highest = 0;
  for (const name of taken) {
    const number = name.startsWith(`${endpoint}.`) ? Number(name.slice(endpoint.length + 1)) : NaN;
    highest = Number.isInteger(number) ? Math.max(highest, number) : highest;
  }
  return `${endpoint}.${highest + 1}`;
}

/** The launches among jobs, the newest first. */
export function launchesIn(jobs: Iterable<PsijJobSummary>): PsijJobSummary[] {
  return [...jobs].filter(job => job.endpoint_name).sort((a, b) => b.submit_time - a.submit_time);
}
