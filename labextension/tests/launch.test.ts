import { html } from 'lit';
import { beforeEach, expect, test } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { lifeOf, nextName } from '../src/ui/state/launches.js';
import '../src/ui/views/launch.js';
import type { PsijJobStatus, PsijJobSummary, View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

let channel: FakeChannel;
let jobs: Partial<PsijJobSummary>[];
let status: Partial<PsijJobStatus>;

beforeEach(() => {
  jobs = [];
  status = job({});
  channel = new FakeChannel()
    .endpoint('hpc1', { psij: {}, queue_info: {} })
    .on('GET', /\/executors$/, () => ({
      executors: [
        { name: 'local', available: true },
        { name: 'slurm', available: true },
      ],
      own: 'slurm',
      default: 'local',
      launchers: [],
    }))
    .on('GET', /get_info/, () => ({
      queues: {
        debug: { name: 'debug', default: true, time_limit_seconds: 1800, nodes_idle: 3, nodes_available: 5 },
      },
    }))
    .on('GET', /list_allocations/, () => ({ allocations: [] }))
    .on('GET', /list_jobs/, () => ({ jobs }))
    .on('GET', /\/status\/s1\//, () => ({ ...status, stdout: '', stdout_offset: 0, stderr: '', stderr_offset: 0 }))
    .on('POST', /\/follow\//, () => ({ job_id: 'j1', stdout_offset: 0, stderr_offset: 0 }))
    .on('POST', /\/unfollow\//, () => ({ job_id: 'j1' }))
    .on('GET', /tunnel_status/, () => ({ status: 'no_tunnel', error: null }))
    .on('GET', /^\/\/tokens$/, () => ({
      tokens: [
        { id: 'new', name: 'hpc1.1', parent: 'hpc1' },
        { id: 'mine', name: 'hpc1.1' },
      ],
    }))
    .on('POST', /^\/\/tokens$/, () => ({ id: 'new', token: 'orbit_new_secret' }))
    .on('DELETE', /^\/\/tokens\//, () => ({ revoked: [] }))
    .on('POST', /\/launch\/s1$/, () => {
      jobs = [status];
      return { job_id: 'j1', native_id: '4711', endpoint_name: 'hpc1.1' };
    });
});

function job(more: Partial<PsijJobStatus>): Partial<PsijJobStatus> {
  return {
    job_id: 'j1',
    native_id: '4711',
    state: 'QUEUED',
    executor: 'slurm',
    queue_name: 'debug',
    endpoint_name: 'hpc1.1',
    message: 'Priority',
    submit_time: 1,
    time: 1,
    states: [],
    exit_code: null,
    ...more,
  };
}

const show = () => mount<HTMLElement>(html`<orbit-launch .channel=${channel} endpoint="hpc1"></orbit-launch>`);
const made = (method: string, path: RegExp) =>
  channel.calls.filter(call => call.method === method && path.test(`/${call.endpoint}${call.path}`));
const button = (view: HTMLElement, text: string) =>
  all(view, 'button').find(one => one.textContent.trim().startsWith(text))!;
const field = (view: HTMLElement, name: string) => all(view, `#f-${name}`)[0] as HTMLInputElement;

async function fill(view: HTMLElement, name: string, text: string) {
  field(view, name).value = text;
  field(view, name).dispatchEvent(new Event(name === 'executor' ? 'change' : 'input'));
  await settled();
}

test('a token lives as long as psij’s own launch has it', () => {
  expect(lifeOf('local', null)).toBeNull();
  expect(lifeOf('slurm', null)).toBe('87000s');
  expect(lifeOf('local', '1h30m')).toBe('91800s');
  expect(() => lifeOf('slurm', 'soon')).toThrow('neither seconds');
});

test('the next name is one that nobody has', () => {
  expect(nextName('hpc1', [])).toBe('hpc1.1');
  expect(nextName('hpc1', ['hpc1.2', 'hpc1.x', 'hpc12.9', 'hpc1.2.7'])).toBe('hpc1.3');
});

test('it offers queues with their limits, and launches with a token of its own', async () => {
  channel.endpoint('hpc1.3');
  const view = await show();
  expect(field(view, 'name').value).toBe('hpc1.4');
  expect(field(view, 'executor').value).toBe('slurm');
  await fill(view, 'name', 'hpc1.1');
  await fill(view, 'queue', 'debug');
  await fill(view, 'duration', '45 min');
  expect(textOf(view)).toContain('debug allows 30 min at most');
  expect(textOf(view)).toContain('The first of these that works');
  button(view, 'Launch').click();
  await settled();
  expect(made('POST', /tokens$/)[0]!.body).toEqual({
    name: 'hpc1.1',
    expires: '30d',
    parent: 'hpc1',
    life: '89100s',
  });
  const [sent] = made('POST', /\/launch\//);
  expect(sent!.body).toEqual({
    name: 'hpc1.1',
    executor: 'slurm',
    queue_name: 'debug',
    account: null,
    duration: '45m',
    node_count: 1,
    plugins: 'default',
    tunnel: 'auto',
    token: 'orbit_new_secret',
  });
  expect(sent!.key).toBeTruthy();
  expect(textOf(view)).toContain('The job waits in the queue: Priority');
});

test('a refusal stands beside its field, and its token is revoked', async () => {
  channel.on('POST', /\/launch\//, () => {
    throw new OrbitError('queue_name: there is none', 'invalid-field', 422, false, { field: 'queue_name' });
  });
  const view = await show();
  button(view, 'Launch').click();
  await settled();
  expect(all(view, '#said-queue')[0]!.textContent).toMatch(/✕ there is none/);
  const queue = all(view, '#f-queue')[0] as HTMLInputElement;
  queue.value = 'debug';
  queue.dispatchEvent(new Event('input'));
  await settled();
  expect(textOf(view)).not.toContain('there is none');
  expect(made('DELETE', /tokens\/new$/)).toHaveLength(1);
});

test('a launch that was lost on its way is tried again as the same one, and keeps its token', async () => {
  channel.on('POST', /\/launch\//, () => {
    throw new OrbitError('the connection was lost', 'disconnected', 503, true);
  });
  const view = await show();
  button(view, 'Launch').click();
  await settled();
  button(view, 'Launch').click();
  await settled();
  const [first, second] = made('POST', /\/launch\//);
  expect(second!.key).toBe(first!.key);
  expect(made('POST', /tokens$/)).toHaveLength(1);
  expect(made('DELETE', /tokens/)).toEqual([]);
});

test('a page that is loaded anew goes on with the launch that is under way, until it is connected', async () => {
  jobs = [status];
  const view = await show();
  expect(textOf(view)).toContain('Launching hpc1.1');
  const opened: View[] = [];
  view.addEventListener('orbit-open', event => opened.push(event.detail));
  status = job({ state: 'ACTIVE', message: null, time: 2 });
  channel.event('hpc1', 'psij', 'job_status', { ...status });
  await settled();
  expect(textOf(view)).toContain('The job has begun');
  channel.endpoint('hpc1.1');
  await settled();
  expect(textOf(view)).toContain('✓ hpc1.1 is connected');
  button(view, 'Open hpc1.1').click();
  expect(opened).toEqual([{ view: 'endpoint', endpoint: 'hpc1.1' }]);
});

test('one that was connected and ended with its job is not said to have never come', async () => {
  jobs = [(status = job({ state: 'ACTIVE' }))];
  channel.endpoint('hpc1.1');
  const view = await show();
  button(view, 'hpc1.1').click();
  await settled();
  const others = [...channel.topology.value].filter(([name]) => name !== 'hpc1.1');
  channel.topology.set(new Map(others));
  status = job({ state: 'FAILED', message: 'slurm ended it: it took longer than its duration of 600 s', time: 2 });
  channel.event('hpc1', 'psij', 'job_status', { ...status });
  await settled();
  expect(textOf(view)).toMatch(/✕ hpc1.1 has ended\s*\./);
  expect(textOf(view)).toContain('longer than its duration');
  expect(textOf(view)).not.toContain('another way to it');
});

test('a cancel ends the job and revokes the token of its endpoint, after a question', async () => {
  jobs = [status];
  channel.on('POST', /\/cancel\/s1\/j1$/, () => ({ job_id: 'j1', status: 'canceled' }));
  const view = await show();
  button(view, 'Cancel …').click();
  await settled();
  expect(made('POST', /\/cancel\//)).toEqual([]);
  button(view, 'Cancel the job').click();
  await settled();
  expect(made('POST', /\/cancel\//)).toHaveLength(1);
  expect(made('DELETE', /tokens/).map(call => call.path)).toEqual(['/tokens/new']);
});

test('one that failed says so with what it has written', async () => {
  status = job({ state: 'FAILED', exit_code: 3, message: null });
  jobs = [status];
  channel.on('GET', /\/status\/s1\//, (request, _) => ({
    ...status,
    stdout: '',
    stdout_offset: 0,
    stderr: request.query?.['stderr_offset'] ? '' : '<img src=x>: no such plugin',
    stderr_offset: 27,
  }));
  channel.on('POST', /\/follow\//, () => ({ job_id: 'j1', stdout_offset: 0, stderr_offset: 27 }));
  const view = await show();
  button(view, 'hpc1.1').click();
  await settled();
  expect(textOf(view)).toContain('hpc1.1 didn’t come');
  expect(textOf(view)).toContain('exit code 3');
  expect(textOf(view)).toContain('<img src=x>: no such plugin');
  expect(all(view, 'img')).toEqual([]);
});

test('without psij anywhere it says so', async () => {
  channel.topology.set(new Map());
  channel.endpoint('hpc1');
  expect(textOf(await show())).toContain('has no psij');
});

test('a view that is taken away leaves no listener and no timer behind', async () => {
  jobs = [status];
  const view = await show();
  expect(channel.listeners.count).toBeGreaterThan(0);
  view.remove();
  await settled();
  expect(channel.listeners.count).toBe(0);
});

test('a launch that is answered when another endpoint is chosen is not looked for there', async () => {
  channel.endpoint('hpc2', { psij: {} });
  let answer: (value: unknown) => void = () => undefined;
  channel.on('POST', /\/launch\/s1$/, () => new Promise(resolve => (answer = resolve)));
  const view = await show();
  button(view, 'Launch').click();
  await settled();
  expect(made('POST', /\/launch\/s1$/)).toHaveLength(1);
  Object.assign(view, { endpoint: 'hpc2' });
  await settled();
  answer({ job_id: 'j1', native_id: '4711', endpoint_name: 'hpc1.1' });
  await settled();
  expect(made('POST', /^\/hpc2\/psij\/follow\//)).toEqual([]);
});
