import { html } from 'lit';
import { expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { newestFirst } from '../src/ui/parts/job/columns.js';
import { jobsOf } from '../src/ui/state/jobs.js';
import { prefill } from '../src/ui/state/prefill.js';
import '../src/ui/views/jobs.js';
import type { JobsView } from '../src/ui/views/jobs.js';
import type { PsijJobSummary, View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

export function jobOf(id: string, more: Partial<PsijJobSummary> = {}): PsijJobSummary {
  return {
    job_id: id,
    native_id: null,
    name: null,
    state: 'QUEUED',
    exit_code: null,
    executable: './relax.sh',
    arguments: ['--steps', '20'],
    executor: 'slurm',
    queue_name: 'debug',
    account: null,
    node_count: 2,
    endpoint_name: null,
    array_id: null,
    message: null,
    submit_time: 1000,
    time: 1000,
    ...more,
  };
}

const CONFIG = {
  title: 'PsiJ Jobs',
  forms: [{ id: 'submit', title: '📝 Submit Job', fields: [{ name: 'exec', label: 'Executable' }] }],
};

function channelWith(...jobs: PsijJobSummary[]): FakeChannel {
  return new FakeChannel()
    .endpoint('hpc1', { psij: { ui_config: CONFIG } })
    .on('GET', /list_jobs/, () => ({ jobs }));
}

function listings(channel: FakeChannel): unknown[] {
  return channel.calls.filter(call => call.path.includes('list_jobs')).map(call => call.query);
}

function view(channel: FakeChannel, more: { opened?: View[] } = {}) {
  return html`<orbit-jobs
    .channel=${channel}
    endpoint="hpc1"
    plugin="psij"
    @orbit-open=${(event: CustomEvent<View>) => more.opened?.push(event.detail)}
  ></orbit-jobs>`;
}

function button(element: HTMLElement, text: string): HTMLButtonElement {
  return all(element, 'button').find(one => one.textContent.includes(text)) as HTMLButtonElement;
}

const states = (channel: FakeChannel) =>
  [...jobsOf(channel, 'hpc1', 'psij').state.value.jobs.values()].map(job => `${job.job_id} ${job.state}`);

function status(channel: FakeChannel, id: string, state: string, time: number, more = {}): void {
  channel.event('hpc1', 'psij', 'job_status', {
    job_id: id,
    state,
    time,
    exit_code: null,
    message: null,
    ...more,
  });
}

test('jobs are listed with state, reason and count, the newest first', async () => {
  const channel = channelWith(
    jobOf('a', { state: 'FAILED', exit_code: 127, native_id: '53788' }),
    jobOf('b', { message: 'waiting for resources' }),
  );
  const element = await mount<JobsView>(view(channel));
  const rows = all(element, '.rows .line').map(textOf);
  expect(rows[0]).toContain('waiting for resources');
  expect(rows[1]).toContain('FAILED · 127');
  expect(rows[1]).toContain('53788');
  expect(textOf(element)).toContain('2 of 2');
});

test('an event changes its job, unless it is older than what is known', async () => {
  const channel = channelWith(jobOf('a', { state: 'ACTIVE', time: 2000 }));
  const end = jobsOf(channel, 'hpc1', 'psij').use();
  await settled();
  status(channel, 'a', 'QUEUED', 1500);
  expect(states(channel)).toEqual(['a ACTIVE']);
  status(channel, 'a', 'COMPLETED', 2500, { exit_code: 0 });
  status(channel, 'a', 'ACTIVE', 2600);
  expect(states(channel)).toEqual(['a COMPLETED']);
  expect(jobsOf(channel, 'hpc1', 'psij').running).toBe(0);
  end();
});

test('an event that comes while jobs are read is not lost', async () => {
  let answer: (jobs: unknown) => void = () => undefined;
  const channel = new FakeChannel().on('GET', /list_jobs/, () => new Promise(resolve => (answer = resolve)));
  const end = jobsOf(channel, 'hpc1', 'psij').use();
  await settled();
  status(channel, 'a', 'COMPLETED', 3000, { native_id: '7' });
  answer({ jobs: [jobOf('a', { state: 'ACTIVE', time: 2000 })] });
  await settled();
  expect(states(channel)).toEqual(['a COMPLETED']);
  expect(jobsOf(channel, 'hpc1', 'psij').state.value.jobs.get('a')).toMatchObject({
    executable: './relax.sh',
    native_id: '7',
  });
  end();
});

test('20,000 events of jobs that somebody else submits ask once for them, and draw the page a few times', async () => {
  const channel = channelWith();
  const element = await mount<JobsView>(view(channel));
  let drawn = 0;
  const render = element.render.bind(element);
  element.render = () => ((drawn += 1), render());
  const asked = listings(channel).length;
  for (let number = 0; number < 20_000; number += 1) {
    status(channel, `j${number}`, 'QUEUED', 5000 + number);
  }
  await vi.waitFor(() => expect(listings(channel).length).toBe(asked + 1));
  expect(listings(channel).at(-1)).toMatchObject({ since: 4999 });
  expect(textOf(element)).toContain('20,000 of 20,000');
  expect(drawn).toBeLessThan(30);
  expect(all(element, '.rows .line').length).toBeLessThan(60);
});

test('after a gap, and when the bridge or the endpoint is back, jobs are read anew', async () => {
  const channel = channelWith(jobOf('a'));
  const end = jobsOf(channel, 'hpc1', 'psij').use();
  await settled();
  const asked = listings(channel).length;
  channel.connection.set({ kind: 'lost', reason: 'gone', since: 0 });
  channel.connection.set({ kind: 'connected', reason: '', since: 0 });
  await settled();
  expect(listings(channel).length).toBe(asked + 1);
  channel.endpoint('hpc1', {}, { since: 77 });
  await settled();
  expect(listings(channel).length).toBe(asked + 2);
  channel.listeners.tellGap({ endpoint: 'hpc1', missed: 3, time: 0 });
  await settled();
  expect(listings(channel).length).toBe(asked + 3);
  end();
  channel.listeners.tellGap({ endpoint: 'hpc1', missed: 3, time: 0 });
  await settled();
  expect(listings(channel).length).toBe(asked + 3);
});

test('many jobs are read page by page', async () => {
  const channel = new FakeChannel().on('GET', /list_jobs/, ({ query }) =>
    query?.['before'] ? { jobs: [jobOf('old')] } : { jobs: [jobOf('new')], before: 'new' },
  );
  const end = jobsOf(channel, 'hpc1', 'psij').use();
  await settled();
  expect(states(channel)).toEqual(['old QUEUED', 'new QUEUED']);
  end();
});

test('a filter looks at command, ids, queue and state', () => {
  const jobs = [
    jobOf('a', { native_id: '53821', state: 'ACTIVE' }),
    jobOf('b', { name: 'lattice', queue_name: 'batch', state: 'COMPLETED' }),
  ];
  const map = new Map(jobs.map(job => [job.job_id, job]));
  const found = (text: string, state = '') => newestFirst(map, text, state).map(job => job.job_id);
  expect(found('')).toEqual(['b', 'a']);
  expect(found('LATTICE batch')).toEqual(['b']);
  expect(found('53821')).toEqual(['a']);
  expect(found('relax', 'unended')).toEqual(['a']);
  expect(found('nothing')).toEqual([]);
});

test('what the filter leaves is counted, and can be shown again', async () => {
  const channel = channelWith(jobOf('a'), jobOf('b', { name: 'lattice' }));
  const element = await mount<JobsView>(view(channel));
  element.filter = 'nothing like it';
  await settled();
  expect(textOf(element)).toContain('0 of 2');
  button(element, 'Show all').click();
  await settled();
  expect(textOf(element)).toContain('2 of 2');
});

test('selected jobs are canceled after a question, those that have ended left out', async () => {
  const channel = channelWith(jobOf('a'), jobOf('b', { state: 'COMPLETED' }), jobOf('c'));
  channel.on('POST', /cancel_all/, () => ({ canceled: ['a'], failed: [{ job_id: 'c', error: 'held by root' }] }));
  const element = await mount<JobsView>(view(channel));
  element.selected = new Set(['a', 'b', 'c']);
  await settled();
  button(element, 'Cancel 2 selected').click();
  await settled();
  const asked = () => channel.calls.find(call => call.path.includes('cancel_all'));
  expect(asked()).toBeUndefined();
  button(element, 'Cancel 2 jobs').click();
  await settled();
  expect(asked()?.body).toEqual({ job_ids: ['a', 'c'] });
  expect(asked()?.key).toBeTruthy();
  expect(textOf(element)).toContain('held by root');
});

test('all jobs are canceled only after a question', async () => {
  const channel = channelWith(jobOf('a')).on('POST', /cancel_all/, () => ({ canceled: ['a'], failed: [] }));
  const element = await mount<JobsView>(view(channel));
  button(element, 'Cancel all').click();
  await settled();
  button(element, 'Keep them').click();
  await settled();
  expect(channel.calls.some(call => call.path.includes('cancel_all'))).toBe(false);
  button(element, 'Cancel all').click();
  await settled();
  button(element, 'Cancel all jobs').click();
  await settled();
  expect(channel.calls.find(call => call.path.includes('cancel_all'))?.body).toEqual({});
});

test('an endpoint that can’t be asked is said, and asked again', async () => {
  let broken = true;
  const channel = channelWith().on('GET', /list_jobs/, () => {
    if (broken) {
      throw new OrbitError('hpc1 is away', 'endpoint-gone', 503, true);
    }
    return { jobs: [jobOf('a')] };
  });
  const element = await mount<JobsView>(view(channel));
  expect(textOf(element)).toContain('hpc1 is away');
  expect(textOf(element)).not.toContain('Reading');
  broken = false;
  button(element, 'Try again').click();
  await settled();
  expect(textOf(element)).toContain('1 of 1');
});

test('an empty list says what comes', async () => {
  const element = await mount<JobsView>(view(channelWith()));
  expect(textOf(element)).toContain('No jobs yet');
});

test('script in what an endpoint says is shown as text', async () => {
  const bad = '<img src=x onerror=alert(1)>';
  const job = jobOf('a', { name: bad, message: bad, queue_name: bad, native_id: bad, executable: bad });
  const element = await mount<JobsView>(view(channelWith(job)));
  expect(textOf(element)).toContain(bad);
  expect(all(element, 'img')).toEqual([]);
});

test('values that another view left are what the form begins with', async () => {
  const channel = channelWith();
  prefill(channel, 'hpc1', { exec: './again.sh' });
  const element = await mount<JobsView>(view(channel));
  expect(all(element, 'orbit-form')[0]).toMatchObject({ values: { exec: './again.sh' } });
});

test('values that are left while the form is there go into it, too', async () => {
  const channel = channelWith();
  const element = await mount<JobsView>(view(channel));
  prefill(channel, 'elsewhere', { exec: './other.sh' });
  prefill(channel, 'hpc1', { exec: './again.sh' });
  await settled();
  expect(all(element, 'orbit-form')[0]).toMatchObject({ values: { exec: './again.sh' } });
});

test('a page that is left listens no more', async () => {
  const channel = channelWith(jobOf('a'));
  const before = channel.listeners.count;
  const element = await mount<JobsView>(view(channel));
  expect(channel.listeners.count).toBeGreaterThan(before);
  element.remove();
  expect(channel.listeners.count).toBe(before);
  expect(jobsOf(channel, 'hpc1', 'psij').state.watched).toBe(0);
});

test('another psij of the same endpoint begins with no job chosen', async () => {
  const channel = channelWith(jobOf('a'));
  const element = await mount<JobsView>(view(channel));
  element.current = 'a';
  element.selected = new Set(['a']);
  await settled();
  element.plugin = 'psij2';
  await settled();
  expect(element.current).toBe('');
  expect(element.selected.size).toBe(0);
});

test('a list that only events make longer doesn’t grow without end', async () => {
  const channel = channelWith(jobOf('a'));
  const jobs = jobsOf(channel, 'hpc1', 'psij');
  const end = jobs.use();
  await settled();
  for (let number = 0; number < 100_050; number += 1) {
    status(channel, `e${number}`, 'COMPLETED', 2000 + number);
  }
  expect(jobs.state.value.jobs.size).toBeLessThanOrEqual(100_000);
  expect(jobs.state.value.jobs.has('e100049')).toBe(true);
  expect(jobs.state.value.jobs.has('a')).toBe(true); // it hasn't ended
  expect(jobs.running).toBe(1);
  end();
});

test('a question is where the keyboard is, Escape leaves it, and the keyboard is back where it was', async () => {
  const channel = channelWith(jobOf('a'));
  const element = await mount<JobsView>(view(channel));
  const asks = button(element, 'Cancel all');
  asks.focus();
  asks.click();
  await settled();
  const focused = () => element.shadowRoot!.activeElement as HTMLElement;
  expect(focused().textContent).toContain('Keep them');
  status(channel, 'a', 'ACTIVE', 1500); // what is drawn anew meanwhile leaves it there
  asks.ownerDocument.body.focus();
  button(element, 'Cancel all jobs').focus();
  await settled();
  expect(focused().textContent).toContain('Cancel all jobs');
  focused().dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, composed: true }));
  await settled();
  expect(all(element, '[role=alertdialog]')).toEqual([]);
  expect(focused()).toBe(asks);
});
