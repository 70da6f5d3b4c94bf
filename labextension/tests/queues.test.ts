import { html } from 'lit';
import { beforeEach, expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import type { Toast } from '../src/ui/element.js';
import { span } from '../src/ui/parts/batch/asked.js';
import { takePrefill } from '../src/ui/state/prefill.js';
import '../src/ui/views/queues.js';
import type { QueuesView } from '../src/ui/views/queues.js';
import type { QueueAllocation, QueueJobEntry, QueueQueueEntry, View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

const QUEUE: QueueQueueEntry = {
  name: 'batch',
  state: 'UP',
  default: false,
  time_limit: 1440,
  time_limit_seconds: 86_400,
  default_time_seconds: 3600,
  nodes_total: 10,
  nodes_available: 8,
  nodes_idle: 3,
  cpus_per_node: 64,
  mem_per_node_mb: 1024,
  gpus_per_node: 4,
  max_jobs_per_user: null,
  features: ['ssd'],
  accounts: [],
  users: [],
  groups: [],
  nodes_min: null,
  nodes_max: 4,
  walltime_min: null,
  walltime_max: 86_400,
};

const JOB: QueueJobEntry = {
  job_id: '17',
  native_id: '17',
  job_name: 'relax',
  user: 'ann',
  partition: 'batch',
  state: 'RUNNING',
  common_state: 'ACTIVE',
  reason: null,
  nodes: 2,
  cpus: 8,
  time_limit: 60,
  time_limit_seconds: 3600,
  time_used: 252,
  submit_time: 1,
  start_time: 2,
  end_time: null,
  expected_start: null,
  priority: 1,
  account: 'proj_a',
  node_list: 'n[1-2]',
  exit_code: null,
  array_id: null,
};

const WAITS: QueueJobEntry = {
  ...JOB,
  job_id: '18',
  native_id: '18.server',
  partition: 'debug',
  state: 'PENDING',
  common_state: 'QUEUED',
  reason: 'Resources',
  expected_start: Math.floor(Date.now() / 1000) + 3600,
  node_list: '',
};

const ACCOUNT: QueueAllocation = {
  account: 'proj_a',
  user: 'ann',
  fairshare: 0.4312,
  qos: 'normal,high',
  max_jobs: 10,
  max_submit: null,
  max_wall: null,
  grp_tres: null,
  allocated_node_hours: 1000,
  used_node_hours: 188,
  remaining_node_hours: 812,
};

const fresh = { age: 0, stale: null };

let channel: FakeChannel;
let queues: Record<string, QueueQueueEntry>;
let jobs: QueueJobEntry[];

beforeEach(() => {
  queues = {
    batch: QUEUE,
    debug: {
      ...QUEUE,
      name: 'debug',
      default: true,
      time_limit: 30,
      time_limit_seconds: 1800,
      accounts: ['proj_b'],
    },
  };
  jobs = [JOB, WAITS];
  channel = new FakeChannel()
    .endpoint('hpc1', { queue_info: {}, psij: {} })
    .on('GET', /\/backend$/, () => ({ backend: 'slurm' }))
    .on('GET', /\/job_allocation$/, () => ({ allocation: null }))
    .on('GET', /\/get_info\/s1$/, () => ({ queues, ...fresh }))
    .on('GET', /\/list_all_jobs\/s1$/, () => ({ jobs, ...fresh }))
    .on('GET', /\/list_allocations\/s1$/, () => ({ allocations: [ACCOUNT], ...fresh }));
});

const page = () => mount<QueuesView>(html`<orbit-queues .channel=${channel} .endpoint=${'hpc1'}></orbit-queues>`);

const button = (view: HTMLElement, name: string) =>
  all(view, 'button').find(one => one.textContent.replace(/\s+/g, ' ').includes(name)) as HTMLButtonElement;

const calls = (part: string) => channel.calls.filter(call => call.path.includes(part));

const rows = (view: HTMLElement) => all(view, '.queues tr.queue').map(row => textOf(row).trim());

const away = () => new OrbitError('qstat: cannot connect to server', 'plugin-error', 503, true);

async function select(view: HTMLElement, ...keys: string[]): Promise<void> {
  all(view, 'orbit-rows')[0]!.dispatchEvent(new CustomEvent('orbit-select', { detail: keys }));
  await settled();
}

test('queues with their limits, the default one first', async () => {
  const view = await page();
  const [first, second] = rows(view);
  expect(first).toMatch(
    /^debug default restricted ● UP 30 min 3 of 8 nodes free, 2 down 64 CPUs · 1.0 GiB · 4 GPUs/,
  );
  expect(second).toMatch(/^batch ● UP 1 d/);
  expect(textOf(view)).toContain('runs outside of an allocation');
  expect(textOf(view)).toContain('hpc1 · Slurm');
});

test('a queue opens, shows its jobs, and is submitted to with what is known', async () => {
  const view = await page();
  const opened: View[] = [];
  view.addEventListener('orbit-open', event => opened.push(event.detail));
  button(view, 'debug').click();
  await settled();
  expect(textOf(view)).toContain('accounts proj_b');
  expect(textOf(all(view, 'orbit-rows')[0]!)).not.toContain('17');
  expect(textOf(all(view, 'orbit-rows')[0]!)).toContain('18');
  button(view, 'Submit to this queue').click();
  expect(opened).toEqual([{ view: 'jobs', endpoint: 'hpc1', plugin: 'psij' }]);
  expect(takePrefill(channel, 'hpc1')).toEqual({ queue: 'debug', executor: 'slurm', account: 'proj_a' });
  expect(takePrefill(channel, 'hpc1')).toBeNull();
});

test('without psij it says what is missing', async () => {
  channel.endpoint('hpc1', { queue_info: {} });
  const view = await page();
  button(view, 'debug').click();
  await settled();
  expect(button(view, 'Submit to this queue')).toBeUndefined();
  expect(textOf(view)).toContain('when the endpoint has the plugin psij');
});

test('a job that waits says why and until when', async () => {
  const view = await page();
  expect(textOf(view)).toMatch(/QUEUED 18 .*Resources · expected/);
  expect(textOf(view)).toMatch(/ACTIVE 17 .*n\[1-2\] 2 4:12 of 1 h/);
});

test('all users’ jobs come on request', async () => {
  const view = await page();
  const box = all(view, 'orbit-batch-jobs input')[0] ?? all(all(view, 'orbit-batch-jobs')[0]!, 'header input')[0]!;
  (box as HTMLInputElement).checked = true;
  box.dispatchEvent(new Event('change'));
  await settled();
  expect(calls('/list_all_jobs/').map(call => call.query?.['user'])).toEqual([undefined, '*']);
  expect(textOf(view)).toContain('Everyone’s jobs');
});

test('a job is held after a question, once, and only where it can be', async () => {
  channel.on('POST', /\/hold\/s1\//, () => ({ job_id: '18', status: 'held' }));
  const view = await page();
  const toasts: Toast[] = [];
  view.addEventListener('orbit-toast', event => toasts.push(event.detail));
  expect(button(view, 'Hold …').disabled).toBe(true);
  await select(view, '17');
  expect(button(view, 'Hold …').disabled).toBe(true);
  await select(view, '17', '18.server');
  button(view, 'Hold …').click();
  await settled();
  expect(textOf(view)).toContain('Hold 1 job (18)?');
  expect(calls('/hold/')).toEqual([]);
  button(view, 'Hold it').click();
  await settled();
  expect(calls('/hold/').map(call => call.path)).toEqual(['/queue_info/hold/s1/18.server']);
  expect(calls('/hold/')[0]!.key).toBeTruthy();
  expect(toasts).toEqual([{ text: '1 job held', level: 'success' }]);
  expect(calls('/list_all_jobs/').at(-1)!.query?.['force']).toBe(true);
});

test('what may not be cancelled is told of, and the question can be left', async () => {
  channel.on('POST', /\/cancel\/s1\//, () => {
    throw new OrbitError('it is ben’s', 'forbidden', 403);
  });
  const view = await page();
  const toasts: Toast[] = [];
  view.addEventListener('orbit-toast', event => toasts.push(event.detail));
  await select(view, '17');
  button(view, 'Cancel …').click();
  await settled();
  button(view, 'Leave it').click();
  await settled();
  expect(calls('/cancel/')).toEqual([]);
  button(view, 'Cancel …').click();
  await settled();
  button(view, 'Cancel it').click();
  await settled();
  expect(toasts).toEqual([{ text: 'Not cancelled: 17: it is ben’s', level: 'error' }]);
});

test('a job opens with what accounting knows', async () => {
  channel.on('GET', /\/job\/s1\/17/, () => ({
    job: null,
    accounting: { state: 'FAILED', common_state: 'FAILED', exit_code: 3, max_memory_mb: 512.4, elapsed: 61 },
    ...fresh,
  }));
  const view = await page();
  all(view, 'orbit-rows')[0]!.dispatchEvent(new CustomEvent('orbit-activate', { detail: '17' }));
  await settled();
  expect(textOf(view)).toMatch(/State FAILED .*Ran for 1:01 .*Largest memory 512 MiB .*Exit code 3/);
});

test('allocations with the hours that are left', async () => {
  const view = await page();
  expect(textOf(view)).toContain('812 of 1,000 node hours left');
  expect(textOf(view)).toContain('fairshare 0.43 · QOS normal, high · at most 10 jobs at once');
});

test('the allocation that the endpoint runs in', async () => {
  channel.on('GET', /\/job_allocation$/, () => ({
    allocation: {
      job_id: '99',
      partition: 'batch',
      n_nodes: 2,
      nodelist: 'n[1-2]',
      cpus_per_node: 64,
      gpus_per_node: 4,
      account: 'proj_a',
      job_name: 'pilot',
      runtime: 3600,
      end_time: Math.floor(Date.now() / 1000) + 1380,
    },
  }));
  const view = await page();
  expect(textOf(view)).toMatch(/Job 99 .*(22:59|23:00) left/);
  expect(textOf(view)).toContain('pilot · queue batch · account proj_a · 2 nodes · 64 CPUs and 4 GPUs each');
});

test('an event changes its row at once, and the rest is read soon', async () => {
  const view = await page();
  queues = { ...queues, batch: { ...QUEUE, state: 'DOWN', nodes_available: 2, nodes_idle: 1 } };
  const data = { queue: 'batch', state: 'DOWN', previous_state: 'UP', nodes_total: 10, nodes_available: 2 };
  const before = calls('/get_info/').length;
  channel.event('hpc1', 'queue_info', 'queue_state', data);
  channel.event('hpc1', 'queue_info', 'queue_state', { ...data, queue: 'debug', state: 'GONE' });
  await settled();
  expect(rows(view)).toEqual([expect.stringMatching(/^batch ○ DOWN 1 d 2 of 2 nodes free, 8 down/)]);
  await vi.waitFor(() => expect(calls('/get_info/')).toHaveLength(before + 1), 2000);
  await settled();
  expect(rows(view)[1]).toContain('1 of 2 nodes free');
});

test('a batch system that is away has a look of its own, and what is known stays', async () => {
  const view = await page();
  let answers = false;
  for (const route of [/\/get_info\/s1$/, /\/list_all_jobs\/s1$/]) {
    channel.on('GET', route, () => {
      if (!answers) {
        throw away();
      }
      return { queues, jobs, ...fresh };
    });
  }
  button(view, 'Refresh').click();
  await settled();
  expect(calls('/get_info/').at(-1)!.query?.['force']).toBe(true);
  expect(textOf(view)).toContain('The batch system doesn’t answer.');
  expect(rows(view)).toHaveLength(2);
  answers = true;
  button(view, 'Try again').click();
  await settled();
  expect(calls('/get_info/')).toHaveLength(3);
});

test('an old answer says that it is, and why', async () => {
  channel.on('GET', /\/get_info\/s1$/, () => ({ queues, age: 125, stale: 'qstat did not answer' }));
  const view = await page();
  expect(textOf(view)).toContain('From 2:05 before: qstat did not answer');
  expect(textOf(view)).toMatch(/asked 2:0\d ago/);
});

test('an endpoint that comes back is asked anew; one that never was says so', async () => {
  const view = await page();
  channel.topology.set(new Map());
  channel.endpoint('hpc1', { queue_info: {}, psij: {} }, { since: 7 });
  await settled();
  expect(calls('/get_info/')).toHaveLength(2);
  expect(rows(view)).toHaveLength(2);
  const other = await mount(html`<orbit-queues .channel=${channel} .endpoint=${'nowhere'}></orbit-queues>`);
  expect(textOf(other)).toContain('nowhere isn’t connected');
});

test('a host without a batch system says so, and is asked for nothing', async () => {
  channel.endpoint('here', { queue_info: { enabled: false, error: 'nothing to do' } }, { scheduler: 'none' });
  const view = await mount(
    html`<orbit-queues .channel=${channel} .endpoint=${'here'} .plugin=${'queue_info'}></orbit-queues>`,
  );
  expect(textOf(view)).toContain('here has no batch system');
  channel.endpoint('here', { queue_info: { enabled: false, error: 'no qstat' } }, { scheduler: 'pbs' });
  await settled();
  expect(textOf(view)).toContain('here doesn’t have the plugin queue_info: no qstat');
  expect(channel.calls.filter(call => call.endpoint === 'here')).toEqual([]);
});

test('opened and closed a hundred times it leaves nothing behind', async () => {
  const view = await page();
  const place = view.parentElement!;
  const counts = () => [channel.listeners.count, channel.topology.watched, channel.connection.watched];
  const before = counts();
  for (let time = 0; time < 100; time += 1) {
    view.remove();
    expect(channel.listeners.count).toBe(0);
    place.append(view);
    await new Promise(requestAnimationFrame);
    await view.updateComplete;
  }
  await settled();
  expect(counts()).toEqual(before);
});

test('markup from the batch system is text', async () => {
  const evil = '<img src=x onerror=alert(1)>';
  queues = { [evil]: { ...QUEUE, name: evil, state: evil, features: [evil] } };
  jobs = [{ ...JOB, job_name: evil, reason: evil, common_state: evil }];
  const view = await page();
  button(view, evil).click();
  await settled();
  expect(all(view, 'img')).toEqual([]);
  expect(textOf(view)).toContain(evil);
});

test.each([
  [1800, '30 min'],
  [86_400, '1 d'],
  [5400, '1 h 30 min'],
  [90, '1 min 30 s'],
  [0, '0 s'],
  [null, '–'],
])('a limit of %s s reads %s', (seconds, text) => {
  expect(span(seconds)).toBe(text);
});
