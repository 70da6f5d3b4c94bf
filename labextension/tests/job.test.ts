import { html } from 'lit';
import { expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { followedJob } from '../src/ui/state/job.js';
import { asShown, Tail } from '../src/ui/state/tail.js';
import type { Output } from '../src/ui/parts/job/output.js';
import '../src/ui/views/job.js';
import type { JobView } from '../src/ui/views/job.js';
import type { PsijJobSpecification, PsijJobStatus, View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

const JOB: PsijJobStatus = {
  job_id: 'j1',
  native_id: '53821',
  name: 'relax',
  state: 'ACTIVE',
  exit_code: null,
  executable: './relax.sh',
  arguments: ['--steps', '20 000'],
  executor: 'slurm',
  queue_name: 'debug',
  account: null,
  node_count: 2,
  endpoint_name: null,
  array_id: null,
  message: null,
  submit_time: 1000,
  time: 1010,
  directory: null,
  duration: 600,
  states: [
    { state: 'QUEUED', time: 1000 },
    { state: 'ACTIVE', time: 1010 },
  ],
  resources_used: null,
  stdout: '',
  stdout_offset: 0,
  stderr: '',
  stderr_offset: 0,
};

/** A job whose files are texts: ASCII, so that a character is a byte. */
class FakeJob {
  readonly channel = new FakeChannel().endpoint('hpc1', { psij: {} });
  stdout = '';
  stderr = '';
  status: Partial<PsijJobStatus> = {};
  spec: PsijJobSpecification = {
    job_spec: {
      executable: './relax.sh',
      arguments: ['--steps', '20 000'],
      name: 'relax',
      attributes: { queue_name: 'debug', duration: 600, custom_attributes: { 'slurm.constraint': 'V100' } },
      resources: { node_count: 2, processes_per_node: 4, gpu_cores_per_process: 1 },
    },
    executor: 'slurm',
    environment_names: [],
  };

  constructor() {
    this.channel
      .on('POST', /\/follow\//, () => ({
        job_id: 'j1',
        stdout_offset: this.stdout.length,
        stderr_offset: this.stderr.length,
      }))
      .on('GET', /\/spec\//, () => this.spec)
      .on('POST', /\/unfollow\//, () => ({ job_id: 'j1' }))
      .on('GET', /\/status\//, ({ query }) => this.answer(query ?? {}));
  }

  calls(what: string): number {
    return this.channel.calls.filter(call => call.path.includes(`/${what}/`)).length;
  }

  /** Tell of output, as the endpoint does. */
  tell(offset: number, text: string, stream = 'stdout'): void {
    const next_offset = offset + text.length;
    this.channel.event('hpc1', 'psij', 'job_output', { job_id: 'j1', stream, offset, next_offset, text });
  }

  answer(query: Record<string, unknown>): PsijJobStatus {
    const piece = (text: string, offset: unknown) => text.slice(Number(offset), Number(offset) + (1 << 20));
    const stdout = piece(this.stdout, query['stdout_offset']);
    const stderr = piece(this.stderr, query['stderr_offset']);
    return {
      ...JOB,
      ...this.status,
      stdout,
      stderr,
      stdout_offset: Number(query['stdout_offset']) + stdout.length,
      stderr_offset: Number(query['stderr_offset']) + stderr.length,
    };
  }
}

function view(job: FakeJob, opened: View[] = []) {
  return html`<orbit-job
    .channel=${job.channel}
    endpoint="hpc1"
    plugin="psij"
    job="j1"
    @orbit-open=${(event: CustomEvent<View>) => opened.push(event.detail)}
  ></orbit-job>`;
}

function button(element: HTMLElement, text: string): HTMLElement {
  return all(element, 'button').find(one => one.textContent.includes(text))!;
}

const output = (element: HTMLElement) =>
  all(element, 'pre')
    .map(one => one.textContent)
    .join('');

test('a job shows its facts, its states and what it has written', async () => {
  const job = new FakeJob();
  job.stdout = 'step 1\n';
  const element = await mount<JobView>(view(job));
  const text = textOf(element);
  expect(text).toContain("./relax.sh --steps '20 000'");
  expect(text).toMatch(/QUEUED .* for 10 s/);
  expect(text).toContain('debug');
  expect(output(element)).toBe('step 1\n');
  expect(text).toMatch(/stdout\s+· following/);
  expect(text).toMatch(/stderr\s+· empty/);
});

test('output that is told is shown once, in order, without asking', async () => {
  const job = new FakeJob();
  const element = await mount<JobView>(view(job));
  const asked = job.calls('status');
  job.tell(0, 'one\n');
  job.tell(0, 'one\n');
  job.tell(4, 'two\n');
  await settled();
  expect(output(element)).toBe('one\ntwo\n');
  expect(job.calls('status')).toBe(asked);
});

test('a middle that was left out is read', async () => {
  const job = new FakeJob();
  const element = await mount<JobView>(view(job));
  job.stdout = 'one\ntwo\nthree\n';
  job.tell(8, 'three\n');
  await settled();
  expect(output(element)).toBe('one\ntwo\nthree\n');
});

test('what comes while output is read is neither lost nor shown twice', async () => {
  const job = new FakeJob();
  const element = await mount<JobView>(view(job));
  let answer: (status: PsijJobStatus) => void = () => undefined;
  let asked = 0;
  job.channel.on('GET', /\/status\//, ({ query }) => {
    asked += 1;
    return asked === 1 ? new Promise(resolve => (answer = resolve)) : job.answer(query ?? {});
  });
  job.stdout = 'one\ntwo\n';
  void followedJob(job.channel, 'hpc1', 'psij', 'j1').reload();
  await settled();
  job.tell(0, 'one\n');
  job.stdout += 'three\n';
  job.tell(8, 'three\n');
  answer({ ...JOB, stdout: 'one\ntwo\n', stdout_offset: 8 });
  await settled();
  expect(output(element)).toBe('one\ntwo\nthree\n');
});

test('after a lost connection the job is followed anew, and a gap is told', async () => {
  const job = new FakeJob();
  const element = await mount<JobView>(view(job));
  job.stdout = 'missed\n';
  const followed = job.calls('follow');
  job.channel.connection.set({ kind: 'lost', reason: 'gone', since: 0 });
  job.channel.connection.set({ kind: 'connected', reason: '', since: 0 });
  await settled();
  expect(job.calls('follow')).toBe(followed + 1);
  expect(output(element)).toBe('missed\n');
  job.channel.listeners.tellGap({ endpoint: 'hpc1', missed: 2, time: Date.now() });
  await settled();
  expect(textOf(element)).toMatch(/2 events missed at .*, state re-read/);
});

test('of a long output only the end is read and kept', async () => {
  const job = new FakeJob();
  const line = `${'x'.repeat(99)}\n`;
  job.stdout = line.repeat(60_000);
  const element = await mount<JobView>(view(job));
  await vi.waitFor(() => expect(output(element).length).toBeGreaterThan(1 << 20));
  await settled();
  expect(output(element).length).toBeLessThanOrEqual(2 * (1 << 20));
  expect(output(element).endsWith(line)).toBe(true);
  expect(textOf(element)).toContain('before this are left out here');
  expect(job.calls('status')).toBeLessThan(5);
});

test('whoever scrolls up reads on, and can follow again', async () => {
  const job = new FakeJob();
  job.stdout = 'one\n';
  const element = await mount<JobView>(view(job));
  const part = all(element, 'orbit-output')[0] as Output;
  const scroller = all(part, '.text')[0]!;
  let height = 1000;
  Object.defineProperties(scroller, { scrollHeight: { get: () => height }, clientHeight: { get: () => 100 } });
  const scroll = (top: number) => {
    scroller.scrollTop = top;
    scroller.dispatchEvent(new Event('scroll'));
  };
  scroll(900);
  scroll(300);
  height = 2000;
  job.tell(4, 'two\n');
  await settled();
  expect(scroller.scrollTop).toBe(300);
  expect(textOf(element)).toMatch(/stdout\s+· stopped/);
  button(element, 'Follow the end').click();
  await settled();
  expect(scroller.scrollTop).toBe(2000);
  expect(textOf(element)).toMatch(/stdout\s+· following/);
});

test('a job that can’t be followed is looked at now and then', async () => {
  vi.useFakeTimers();
  const job = new FakeJob();
  job.channel.on('POST', /\/follow\//, () => {
    throw new OrbitError('1000 jobs are followed already', 'overloaded', 503, true);
  });
  const followed = followedJob(job.channel, 'hpc1', 'psij', 'j1');
  const end = followed.use();
  await vi.advanceTimersByTimeAsync(10);
  job.stdout = 'later\n';
  await vi.advanceTimersByTimeAsync(3100);
  expect(followed.output.stdout.text).toBe('later\n');
  end();
  vi.useRealTimers();
});

test('a job that is left is followed no more, and once however many watch it', async () => {
  const job = new FakeJob();
  const before = job.channel.listeners.count;
  const [one, other] = [await mount<JobView>(view(job)), await mount<JobView>(view(job))];
  expect(job.calls('follow')).toBe(1);
  one.remove();
  await settled();
  expect(job.calls('unfollow')).toBe(0);
  other.remove();
  await settled();
  expect(job.calls('unfollow')).toBe(1);
  expect(job.channel.listeners.count).toBe(before);
});

test('a job that is left before it is followed is followed no more', async () => {
  const job = new FakeJob();
  const end = followedJob(job.channel, 'hpc1', 'psij', 'j1').use();
  end();
  await settled();
  expect([job.calls('follow'), job.calls('unfollow')]).toEqual([1, 1]);
});

test('a job is offered as code', async () => {
  const element = await mount<JobView>(view(new FakeJob()));
  const codes: string[] = [];
  element.addEventListener('orbit-code', event => codes.push(event.detail));
  button(element, 'Copy as code').click();
  expect(codes[0]).toContain('hpc = orbit.connect()["hpc1"]\njob = hpc.psij.job("j1")');
});

test('the end of a job is shown with its exit code, its last output and what it has used', async () => {
  const job = new FakeJob();
  const element = await mount<JobView>(view(job));
  job.status = {
    state: 'FAILED',
    exit_code: 127,
    time: 1020,
    message: 'no such file',
    resources_used: { elapsed: 10 },
  };
  job.stderr = 'oops\n';
  job.channel.event('hpc1', 'psij', 'job_status', { job_id: 'j1', state: 'FAILED', exit_code: 127, time: 1020 });
  await settled();
  expect(textOf(element)).toContain('FAILED · 127');
  expect(textOf(element)).toContain('no such file');
  expect(textOf(element)).toMatch(/Elapsed\s+10 s/);
  expect(output(element)).toBe('oops\n');
  expect(button(element, 'Cancel …')).toBeUndefined();
});

test('an unknown job is said, with the way to those that there are', async () => {
  const job = new FakeJob();
  job.channel.on('POST', /\/follow\//, () => {
    throw new OrbitError('no job j1', 'resource-not-found', 404);
  });
  const opened: View[] = [];
  const element = await mount<JobView>(view(job, opened));
  expect(textOf(element)).toContain('hpc1 knows no job j1');
  button(element, 'All jobs').click();
  expect(opened).toEqual([{ view: 'jobs', endpoint: 'hpc1', plugin: 'psij' }]);
});

test('a job whose endpoint goes away stays in sight with the reason', async () => {
  const job = new FakeJob();
  job.stdout = 'one\n';
  const element = await mount<JobView>(view(job));
  job.channel.on('POST', /\/follow\//, () => {
    throw new OrbitError('hpc1 is away', 'endpoint-not-found', 404);
  });
  await followedJob(job.channel, 'hpc1', 'psij', 'j1').reload();
  await settled();
  expect(textOf(element)).toContain('hpc1 is away');
  expect(output(element)).toBe('one\n');
});

test('a cancel is asked for once the question is answered', async () => {
  const job = new FakeJob();
  job.channel.on('POST', /\/cancel\//, () => ({ job_id: 'j1', status: 'canceled' }));
  const element = await mount<JobView>(view(job));
  button(element, 'Cancel …').click();
  await settled();
  expect(job.calls('cancel')).toBe(0);
  button(element, 'Cancel the job').click();
  await settled();
  expect(job.calls('cancel')).toBe(1);
  expect(textOf(element)).toContain('Its end was asked for');
});

test('a job is submitted again with a key of its own, and opened', async () => {
  const job = new FakeJob();
  job.channel.on('POST', /\/submit\//, () => ({ job_id: 'j2', native_id: '53822' }));
  const opened: View[] = [];
  const element = await mount<JobView>(view(job, opened));
  button(element, 'Submit again …').click();
  await settled();
  all(element, '.ask button.primary')[0]!.click();
  await settled();
  const call = job.channel.calls.find(one => one.path.includes('/submit/'))!;
  expect(call.key).toBeTruthy();
  expect(call.body).toEqual({ executor: 'slurm', job_spec: job.spec.job_spec });
  expect(opened).toEqual([{ view: 'job', endpoint: 'hpc1', plugin: 'psij', job: 'j2' }]);
});

test('what it was submitted with is shown, and what of that a second submit lacks is said', async () => {
  const job = new FakeJob();
  job.spec.environment_names = ['API_KEY', 'OMP_NUM_THREADS'];
  const code: string[] = [];
  const element = await mount<JobView>(view(job));
  element.addEventListener('orbit-code', event => code.push(event.detail));
  expect(textOf(element)).toContain('GPUs per process 1');
  expect(textOf(element)).toContain('Options slurm.constraint=V100');
  expect(textOf(element)).toContain('Environment API_KEY, OMP_NUM_THREADS');
  button(element, 'Submit again …').click();
  await settled();
  expect(textOf(element)).toContain('it goes without API_KEY, OMP_NUM_THREADS');
  expect(textOf(element)).toContain('(which has no name, resources, environment)');
  all(element, '.ask button.link')[1]!.click();
  expect(code[0]).toContain('"API_KEY": ...');
  expect(code[0]).toContain('"gpu_cores_per_process": 1');
});

test('an endpoint that was launched is not submitted again as a job', async () => {
  const job = new FakeJob();
  job.status = { endpoint_name: 'hpc1.1' };
  const element = await mount<JobView>(view(job));
  expect(button(element, 'Submit again …')).toBeUndefined();
});

test('script in output and facts is shown as text', async () => {
  const bad = '<img src=x onerror=alert(1)>';
  const job = new FakeJob();
  job.stdout = bad;
  job.status = { name: bad, executable: bad, message: bad, directory: bad, resources_used: { node_list: bad } };
  job.spec = {
    job_spec: { launcher: bad, resources: bad, attributes: [bad] },
    executor: bad,
    environment_names: [bad],
  };
  const element = await mount<JobView>(view(job));
  expect(output(element)).toBe(bad);
  expect(all(element, 'img')).toEqual([]);
});

test('a tail keeps whole lines in blocks, and lets the oldest go', () => {
  const tail = new Tail(100_000);
  let end = 0;
  for (let number = 0; number < 20_000; number += 1) {
    const line = `line ${number}\n`;
    tail.append(line, (end += line.length));
  }
  expect(tail.text.length).toBeLessThanOrEqual(100_000);
  expect(tail.text.length).toBeGreaterThan(60_000);
  expect(tail.text.endsWith('line 19999\n')).toBe(true);
  expect(tail.blocks.every(block => block.text.endsWith('\n'))).toBe(true);
  expect(new Set(tail.blocks.map(block => block.id)).size).toBe(tail.blocks.length);
  expect(tail.left + tail.text.length).toBe(end);
});

test('text is shown as a terminal would show it', () => {
  expect(asShown('\u001b[1;31mred\u001b[0m\r\nplain')).toBe('red\nplain');
  expect(asShown(' 10%\r 50%\r100%\ndone')).toBe('100%\ndone');
});

test('a line that was written over, with a long one behind, doesn’t hold the page up', () => {
  const long = 'y'.repeat(20_000);
  const begun = performance.now();
  expect(asShown(`a\r${long}`)).toBe(long);
  expect(asShown(`${'\r'.repeat(20_000)}x\r\r\nb\r`)).toBe('x\nb');
  expect(performance.now() - begun).toBeLessThan(1000);
});

test('what was asked for one job is not said of the next one', async () => {
  const job = new FakeJob();
  let answer: (value: unknown) => void = () => undefined;
  job.channel.on('POST', /\/cancel\//, () => new Promise(resolve => (answer = resolve)));
  const shown = await mount<JobView>(view(job));
  const press = (text: string) =>
    all(shown, 'button')
      .find(one => one.textContent.includes(text))!
      .click();
  press('Cancel …');
  await settled();
  press('Cancel the job');
  await settled();
  shown.job = 'j2';
  await settled();
  answer({});
  await settled();
  expect(textOf(shown)).not.toContain('Its end was asked for');
});
